/**
 * How steady the output of a run is: the monitor's figures of whole runs, clip by clip. tPSNR compares the face's box with that of the frame before, in the
 * output and in the target itself.
 *
 * Run: `npx tsx bench/steadiness.ts [--source PHOTO] [--frames 200] CLIP...` on a built checkout; options of `faceswap run` after `--`.
 */
import { execFileSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { RunReport } from '../src/pipeline/run-report.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const split = process.argv.indexOf('--');
const { values, positionals } = parseArgs({
  args: process.argv.slice(2, split < 0 ? undefined : split),
  allowPositionals: true,
  options: {
    source: { type: 'string', default: join(root, 'test/fixtures/astronaut.png') },
    frames: { type: 'string', default: '200' },
  },
});
const more = split < 0 ? [] : process.argv.slice(split + 1);
const folder = await mkdtemp(join(tmpdir(), 'steadiness-'));
const db = (value: number): string => value.toFixed(1);
const percent = (value: number | null): string => (value === null ? 'none' : `${(100 * value).toFixed(1)} %`);

console.log(
  '| clip | tPSNR mean, output / target | difference | tPSNR min, output / target | difference | jitter frames before / after |',
);
console.log('|---|---|---|---|---|---|');
try {
  for (const clip of positionals) {
    const output = join(folder, `out${extname(clip)}`);
    const words = ['run', '-s', values.source, '-t', clip, '-o', output, '--overwrite', '--json'];
    const limits = ['--trim-frame-end', values.frames, '--log-level', 'error'];
    const bin = join(root, 'bin/faceswap.js');
    const json = execFileSync(process.execPath, [bin, ...words, ...limits, ...more], { maxBuffer: 2 ** 28 });
    const { report } = JSON.parse(json.toString()) as { readonly report: RunReport };
    const { tpsnrOutputDb: out, tpsnrSourceDb: own, jitterShareBefore, jitterShareAfter } = report.quality;
    if (out === null || own === null) {
      console.log(`| ${basename(clip)} | no face in two frames after another | | | | |`);
      continue;
    }
    console.log(
      `| ${basename(clip)} | ${db(out.mean)} / ${db(own.mean)} | ${db(out.mean - own.mean)} | ${db(out.min)} / ${db(own.min)} | ` +
        `${db(out.min - own.min)} | ${percent(jitterShareBefore)} / ${percent(jitterShareAfter)} |`,
    );
  }
} finally {
  await rm(folder, { recursive: true, force: true });
}
