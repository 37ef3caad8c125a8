import type { FacesMoment, FacesPerson, FacesReport } from '../pipeline/cast/faces-report.js';
import { timecode } from '../pipeline/timecode.js';
import { printableLine } from '../printable-text.js';
import { formatColumns } from './table-rows.js';

const momentText = ({ frame, seconds }: FacesMoment): string =>
  seconds === null ? String(frame) : `${frame} (${timecode(seconds)})`;

const ageText = ({ ageYears }: FacesPerson): string =>
  ageYears === null ? '-' : String(Math.round(ageYears));

const personsText = (count: number): string => (count === 1 ? '1 person' : `${count} persons`);

const videoTable = ({ persons, range, seconds }: FacesReport): string =>
  `${formatColumns([
    ['person', 'seen', 'share', 'first frame', 'best frame', 'age', 'gender'],
    ...persons.map((person) => [
      person.id,
      `${(person.seconds ?? 0).toFixed(1)} s`,
      `${Math.round(100 * person.share)} %`,
      momentText(person.first),
      momentText(person.best),
      ageText(person),
      person.gender ?? '-',
    ]),
  ])}${personsText(persons.length)} in ${range.end - range.start} frames (${(seconds ?? 0).toFixed(1)} s)\n`;

const placeText = ({ best: { box } }: FacesPerson): string =>
  `${Math.round(box.width)}x${Math.round(box.height)} at ${Math.round(box.x)},${Math.round(box.y)}`;

const pictureTable = ({ persons }: FacesReport): string =>
  `${formatColumns([
    ['person', 'face', 'age', 'gender'],
    ...persons.map((person) => [person.id, placeText(person), ageText(person), person.gender ?? '-']),
  ])}${personsText(persons.length)}\n`;

/** What `faceswap faces` prints. */
export const formatFaces = (report: FacesReport): string => {
  const { contactSheet } = report;
  const table = report.kind === 'image' ? pictureTable(report) : videoTable(report);
  return `${table}${contactSheet === null ? '' : `Contact sheet: ${printableLine(contactSheet)}\n`}`;
};
