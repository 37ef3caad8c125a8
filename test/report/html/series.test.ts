import assert from 'node:assert/strict';
import { test } from 'node:test';
import { plotFigure } from '../../../src/report/html/plot.js';
import { type Series, spanOf, spansOf, ticksBetween } from '../../../src/report/html/series.js';

const series = (values: readonly (readonly number[])[]): Series => ({ name: 's', values, bridgesFrames: 0 });

test('a stretch tells its smallest, largest and mean value, over frames and faces', () => {
  const one = series([[1, 2], [], [6]]);
  assert.deepEqual(spanOf(one, 0, 3), { start: 0, end: 3, low: 1, high: 6, mean: 3 });
  assert.equal(spanOf(one, 1, 2), null);
});

test('no single value is lost however few stretches a long clip is cut into', () => {
  const values = Array.from({ length: 100_000 }, () => [10]);
  values[77_777] = [1];
  values[5] = [99];
  const spans = spansOf(series(values), 960);
  assert.equal(spans.length, 960);
  assert.equal(Math.min(...spans.map(({ low }) => low)), 1);
  assert.equal(Math.max(...spans.map(({ high }) => high)), 99);
  assert.equal(spans[0]?.start, 0);
  assert.equal(spans.at(-1)?.end, 100_000);
  assert.ok(spans.every(({ start }, at) => at === 0 || start === spans[at - 1]?.end));
});

test('ticks are round numbers inside of the range', () => {
  assert.deepEqual(ticksBetween(33.4, 68.1), [40, 50, 60]);
  assert.deepEqual(ticksBetween(0, 0.02), [0, 0.005, 0.01, 0.015, 0.02]);
  assert.deepEqual(ticksBetween(-0.1, 0.1), [-0.1, -0.05, 0, 0.05, 0.1]);
});

test('a plot draws gaps as gaps, single values as dots, and sampled values joined', () => {
  const draw = (bridgesFrames: number): string =>
    plotFigure(
      {
        title: 't',
        unit: '',
        digits: 1,
        meaning: 'm',
        series: [{ name: 'n', values: [[1], [], [3], [2]], bridgesFrames }],
        range: [0, 4],
      },
      { frameCount: 4, secondsAt: (at) => at / 25, cuts: [2], marks: [3] },
    ).toString();
  const path = (text: string): string => /<path class="c0" d="([^"]*)"/.exec(text)?.[1] ?? '';
  assert.equal(path(draw(0)).match(/M/g)?.length, 2);
  assert.match(path(draw(0)), /^M[\d. ]+h0M/);
  assert.equal(path(draw(1)).match(/M/g)?.length, 1);
  assert.match(draw(0), /<path class="cuts" d="M500 0v100"/);
  assert.match(draw(0), /<details><summary>Figures: t<\/summary>/);
});

test('a plot without any value is left out', () => {
  const text = plotFigure(
    { title: 't', unit: '', digits: 1, meaning: 'm', series: [series([[], []])] },
    { frameCount: 2, secondsAt: () => 0, cuts: [], marks: [] },
  ).toString();
  assert.equal(text, '');
});
