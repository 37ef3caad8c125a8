import assert from 'node:assert/strict';
import { resolve } from 'node:path';
import { describe, test } from 'node:test';
import { FaceswapError } from '../../../src/errors.js';
import { checkFaceMap, faceMapText, resolveFaceMaps } from '../../../src/pipeline/selection/face-map.js';

const usageError = (pattern: RegExp) => (error: unknown) =>
  error instanceof FaceswapError && error.kind === 'usage' && pattern.test(String(error));

describe('a map', () => {
  test('names its person by id, with one or several photos', () => {
    assert.deepEqual(resolveFaceMaps(['person1=a.jpg', 'person2=b.jpg,/c.jpg']), [
      { persons: ['person1'], references: [], sources: [resolve('a.jpg')] },
      { persons: ['person2'], references: [], sources: [resolve('b.jpg'), '/c.jpg'] },
    ]);
  });

  test('names its person by photos', () => {
    assert.deepEqual(resolveFaceMaps('/them.jpg,/them2.jpg=/a.jpg'), [
      { persons: [], references: ['/them.jpg', '/them2.jpg'], sources: ['/a.jpg'] },
    ]);
  });

  test('gives several people one face', () => {
    assert.deepEqual(resolveFaceMaps(['person1,person3=/a.jpg']), [
      { persons: ['person1', 'person3'], references: [], sources: ['/a.jpg'] },
    ]);
  });

  test('is divided at the first "=", and an object needs no dividing', () => {
    assert.deepEqual(checkFaceMap('person1=a=b.jpg'), { person: ['person1'], source: ['a=b.jpg'] });
    assert.deepEqual(resolveFaceMaps([{ reference: '/x=y,z.jpg', source: '/a,b.jpg' }]), [
      { persons: [], references: ['/x=y,z.jpg'], sources: ['/a,b.jpg'] },
    ]);
  });

  test('takes what only looks like an id for a photo', () => {
    assert.deepEqual(checkFaceMap('person=a.jpg'), { reference: ['person'], source: ['a.jpg'] });
    assert.deepEqual(checkFaceMap('Person1=a.jpg'), { reference: ['Person1'], source: ['a.jpg'] });
    assert.deepEqual(checkFaceMap('person1.jpg=a.jpg'), { reference: ['person1.jpg'], source: ['a.jpg'] });
  });

  test('is refused where something is missing, doubled or mixed', () => {
    for (const text of [
      '',
      '=',
      'person1',
      'person1=',
      '=a.jpg',
      'person1=,a.jpg',
      'a.jpg,=b.jpg',
      '\0=a.jpg',
    ]) {
      assert.throws(
        () => resolveFaceMaps([text]),
        usageError(/^--map must be PERSON=PHOTO/),
        JSON.stringify(text),
      );
    }
    assert.throws(() => resolveFaceMaps(['person1,a.jpg=b.jpg']), usageError(/either ids or photos/));
    assert.throws(() => resolveFaceMaps(['person1=a', 'person1=b']), usageError(/once, got person1 twice/));
    assert.throws(() => resolveFaceMaps(['person1,person1=a']), usageError(/once, got person1 twice/));
  });

  test('is refused in any other form, and however large that is the message is short', () => {
    const values: readonly unknown[] = [
      ...[
        7,
        null,
        true,
        [['person1=a']],
        {},
        { source: 'a' },
        { person: 'person1' },
        { person: 'x', source: 'a' },
      ],
      { person: 'person1', reference: 'b', source: 'a' },
      { person: 'person1', source: [] },
      { person: ['person1', 3], source: 'a' },
      { person: 'person1', source: 'a', more: 1 },
      JSON.parse('{"__proto__": {"person": "person1"}, "source": "a"}'),
      { person: 'person1', source: 'x'.repeat(100_000).concat('\0') },
      'x'.repeat(1_000_000),
    ];
    for (const value of values) {
      assert.throws(
        () => resolveFaceMaps([value]),
        (error: unknown) => usageError(/^--map must be/)(error) && String(error).length < 1000,
      );
    }
  });

  test('is told as it is typed', () => {
    const [map] = resolveFaceMaps(['person1,person2=/a.jpg,/b.jpg']);
    assert.ok(map);
    assert.equal(faceMapText(map), 'person1,person2=/a.jpg,/b.jpg');
  });
});
