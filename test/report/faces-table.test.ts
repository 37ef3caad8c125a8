import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FacesReport } from '../../src/pipeline/cast/faces-report.js';
import { timecode } from '../../src/pipeline/timecode.js';
import { formatFaces } from '../../src/report/faces-table.js';

const report: FacesReport = {
  schema: 1,
  version: '1.2.3',
  target: '/clips/a.mp4',
  kind: 'video',
  widthPx: 640,
  heightPx: 480,
  range: { start: 100, end: 200 },
  seconds: 4,
  persons: [
    {
      id: 'person1',
      frames: 80,
      seconds: 3.2,
      share: 0.8,
      first: { frame: 100, seconds: 4 },
      best: { frame: 148, seconds: 5.92, box: { x: 10, y: 20, width: 60.4, height: 70 }, score: 0.7 },
      ageYears: 41,
      gender: 'female',
      male: 0.1,
      race: null,
      seen: [{ start: 100, end: 180 }],
    },
    {
      id: 'person2',
      frames: 5,
      seconds: 0.2,
      share: 0.05,
      first: { frame: 150, seconds: 6 },
      best: { frame: 151, seconds: 6.04, box: { x: 300, y: 20, width: 20, height: 22 }, score: 0 },
      ageYears: null,
      gender: null,
      male: null,
      race: null,
      seen: [{ start: 150, end: 155 }],
    },
  ],
  tracks: [],
  contactSheet: '/clips/cast\u001b[31m.png',
  wallMs: 1000,
  warnings: [],
};

test('the cast of a video is a row each, and names cannot steer the terminal', () => {
  assert.equal(
    formatFaces(report),
    [
      'person   seen   share  first frame        best frame         age  gender',
      'person1  3.2 s  80 %   100 (0:00:04.000)  148 (0:00:05.920)  41   female',
      'person2  0.2 s  5 %    150 (0:00:06.000)  151 (0:00:06.040)  -    -',
      '2 persons in 100 frames (4.0 s)',
      'Contact sheet: /clips/cast\\u001b[31m.png',
      '',
    ].join('\n'),
  );
});

test('of a picture the places of the faces are told', () => {
  const [person] = report.persons;
  assert.ok(person);
  const still = { ...report, kind: 'image' as const, seconds: null, contactSheet: null, persons: [person] };
  assert.equal(
    formatFaces(still),
    ['person   face            age  gender', 'person1  60x70 at 10,20  41   female', '1 person', ''].join(
      '\n',
    ),
  );
});

test('a timecode has hours, minutes, seconds and milliseconds', () => {
  assert.equal(timecode(0), '0:00:00.000');
  assert.equal(timecode(59.9996), '0:01:00.000');
  assert.equal(timecode(3723.5), '1:02:03.500');
});
