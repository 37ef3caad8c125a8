import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { resolveRunOptions } from '../../src/pipeline/resolve-run-options.js';
import type { RunReport } from '../../src/pipeline/run-report.js';
import { formatRunTable } from '../../src/report/run-table.js';

const report: RunReport = {
  schema: 1,
  version: '0.1.0',
  status: 'swapped',
  output: '/out/swapped.mp4',
  outputSha256: '00',
  config: resolveRunOptions({ source: 'a.jpg', target: 'b.mp4', output: 'c.mp4' }),
  media: {
    kind: 'video',
    widthPx: 1920,
    heightPx: 1080,
    frameCount: 240,
    frameRate: '30000/1001',
    variableFrameRate: false,
    durationSeconds: 8.008,
    segments: 1,
    videoEncoder: 'libx264',
    deinterlaced: null,
    streamsCopied: 1,
    streamsDropped: [],
  },
  wallMs: 12_345,
  framesPerSecond: 19.44,
  stageMs: {
    decode: 1200,
    detect: 800,
    landmarks: 2500,
    identity: 300,
    smooth: 10,
    swap: 3210,
    blend: 1500,
    enhance: 0,
    monitor: 400,
    encode: 11_000,
    mux: 90,
  },
  performance: {
    firstFrameMs: 1234,
    modelMs: 4000,
    renderMs: 10_000,
    stageLatencyMs: { decode: { p50: 5, p95: 6, p99: 7, count: 240 } },
    workers: { count: 1, reason: '2 cores: one worker and its ffmpeg keep them busy' },
    batch: { size: 1, reason: 'the mesh swapper is no model', halvings: 0 },
    frames: {
      bytesPerFrame: 3_110_400,
      allocated: 17,
      acquired: 240,
      peakInFlight: 17,
      limitBytes: 2 ** 30,
    },
    retries: 0,
    hwaccel: 'none',
    hwaccelReason: 'software, as hardware was not asked for',
    analysis: 'computed',
  },
  quality: {
    facesFound: 480,
    facesSwapped: 473,
    facesFilled: 2,
    facesSkipped: { 'too-small': 4, 'turned-away': 1, 'not-selected': 0 },
    unswappedShare: 5 / 480,
    ssimOutside: { mean: 0.998, std: 0.001, min: 0.995 },
    framesWithoutFace: 3,
    sceneCuts: 1,
    tpsnrOutputDb: { mean: 36.123, std: 2.05, min: 30.5 },
    tpsnrSourceDb: { mean: 36.8, std: 2.1, min: 31 },
    tpsnrAlignedOutputDb: { mean: 37.5, std: 2, min: 32 },
    tpsnrAlignedSourceDb: { mean: 38, std: 2, min: 33 },
    seam: { p5: 3.1, p50: 4.2, p95: 5.3, count: 473 },
    ssimInside: { p5: 0.71, p50: 0.78, p95: 0.86, count: 48 },
    jitterShareBefore: 0.0833,
    jitterShareAfter: 0.0042,
    identityToSource: { p5: 0.701, p50: 0.77, p95: 0.82, count: 48 },
    identityToTarget: null,
  },
  people: null,
  shots: [],
  tracks: [],
  gates: [
    { gate: 'min-identity', limit: 0.7, figure: 0.77, passed: true, frameCount: 0, frames: [] },
    {
      gate: 'max-jitter',
      limit: 0.001,
      figure: 0.0042,
      passed: false,
      frameCount: 2,
      frames: [{ start: 7, end: 9 }],
    },
  ],
  resumed: null,
  policy: {
    checks: [
      {
        check: 'content-analyser',
        point: 'before',
        frames: 9,
        photos: 1,
        said: '0 of 9 frames flagged',
        details: { flaggedFrames: 0 },
      },
      { check: 'policy-command', point: 'after', frames: 1, photos: 0, said: 'fine\u0007', details: null },
    ],
    notRun: [{ check: 'content-analyser', reason: 'nsfw_1 is not there' }],
  },
  machine: {
    system: 'linux x64 6.1',
    cpuModel: 'a processor',
    cores: 2,
    memoryBytes: 2 ** 33,
    nodeVersion: '20.0.0',
    onnxruntimeVersion: '1.30.0',
    ffmpegVersion: '5.1.9',
  },
  warnings: [],
};

// Worked out by hand from the report above.
const expected = `status     done
frames     240  (1920x1080, 30000/1001 fps, 8.008 s)
wall time  12.35 s  (19.4 frames/s)
workers    1  (2 cores: one worker and its ffmpeg keep them busy)
           models busy 40.0 % of the rendering, first frame after 1.23 s
stages     decode        1.20 s
           detect        0.80 s
           landmarks     2.50 s
           identity      0.30 s
           smooth        0.01 s
           swap          3.21 s
           blend         1.50 s
           enhance       0.00 s
           monitor       0.40 s
           encode       11.00 s
           mux           0.09 s
faces      found 480  swapped 473  filled 2  skipped 5 (too-small 4, turned-away 1)
           3 frames without a face, 1 cut
tPSNR dB   output  mean 36.12  std 2.05  min 30.50  aligned 37.50
           source  mean 36.80  std 2.10  min 31.00  aligned 38.00
jitter     8.3 % -> 0.4 % of frames
identity   to source  p5 0.70  p50 0.77  p95 0.82
           to target  n/a
seam       p5 3.10  p50 4.20  p95 5.30
SSIM       inside  p50 0.780  outside  min 0.99500
gates      min-identity 0.700: 0.770, passed
           max-jitter 0.1 %: 0.42 %, missed
policy     content-analyser before: 0 of 9 frames flagged (9 frames, 1 photo)
           policy-command after: fine\\u0007 (1 frame)
           content-analyser does not run: nsfw_1 is not there
`;

describe('the table at the end of a run', () => {
  test('holds every figure of the report, aligned', () => {
    assert.equal(formatRunTable(report), expected);
  });

  test('tells who was swapped with what where people are told apart', () => {
    const person = {
      id: 'person1',
      frames: 200,
      firstFrame: 0,
      ageYears: 40,
      male: 0.9,
      referenceDistance: null,
      sources: ['/in/a.jpg', '/in/b.jpg'],
      framesSwapped: 190,
    };
    const others = Array.from({ length: 13 }, (_, at) => ({
      ...person,
      id: `person${at + 2}`,
      frames: 1,
      sources: [],
      framesSwapped: 0,
    }));
    const table = formatRunTable({ ...report, people: [person, ...others] });
    assert.match(table, /^people +person1 {2}a\.jpg, b\.jpg, swapped in 190 of 200 frames$/m);
    assert.match(table, /^ +person2 {2}left alone, seen in 1 frame$/m);
    assert.match(table, /^ +and 2 more: see --json$/m);
    assert.doesNotMatch(table, /person13/);
  });

  test('says n/a for what was not measured and that a target was only copied', () => {
    const quality = {
      ...report.quality,
      facesSkipped: {},
      tpsnrOutputDb: null,
      tpsnrSourceDb: null,
      tpsnrAlignedOutputDb: null,
      tpsnrAlignedSourceDb: null,
      seam: null,
      ssimInside: null,
      ssimOutside: null,
      jitterShareBefore: null,
      jitterShareAfter: null,
      identityToSource: null,
    };
    const table = formatRunTable({ ...report, status: 'copied', quality });
    assert.match(table, /^status +no face found: the target was copied untouched$/m);
    assert.match(table, /skipped 0$/m);
    assert.match(table, /output {2}n\/a$/m);
    assert.match(table, /^jitter +n\/a -> n\/a of frames$/m);
    assert.match(table, /to source {2}n\/a$/m);
    assert.match(table, /^seam +n\/a$/m);
    assert.match(table, /^SSIM +inside {2}p50 n\/a {2}outside {2}min n\/a$/m);
  });

  test('says more about the machine only where there is more to say', () => {
    const { performance } = report;
    assert.ok(performance);
    const table = formatRunTable({
      ...report,
      performance: {
        ...performance,
        modelMs: 15_000,
        workers: { count: 2, reason: 'as asked for' },
        batch: { size: 8, reason: '6.0 GiB free', halvings: 1 },
        hwaccel: 'cuda',
        hwaccelReason: 'cuda, the first that decodes this target',
        analysis: 'mixed',
      },
    });
    assert.match(table, /^workers +2 {2}\(as asked for\)$/m);
    // 15 s of models in 10 s of rendering by two workers.
    assert.match(table, /^ +models busy 75\.0 % of the rendering, first frame after 1\.23 s$/m);
    assert.match(table, /^ +8 faces at a time \(6\.0 GiB free\), halved once for want of memory$/m);
    assert.match(table, /^ +decoded with cuda$/m);
    assert.match(table, /^ +analysis of the target partly read from the cache$/m);
    const software = formatRunTable({
      ...report,
      config: { ...report.config, hwaccel: 'auto' },
      media: { ...report.media, deinterlaced: 'bwdif' },
      performance: { ...performance, hwaccelReason: 'software (vaapi: no device)' },
    });
    assert.match(software, /^ +decoded in software \(vaapi: no device\)$/m);
    assert.match(software, /^ +deinterlaced with bwdif$/m);
    assert.doesNotMatch(formatRunTable({ ...report, performance: null }), /workers|models busy/);
  });

  test('writes a whole frame rate without its denominator', () => {
    const table = formatRunTable({ ...report, media: { ...report.media, frameRate: '25/1' } });
    assert.match(table, /1920x1080, 25 fps, /);
  });

  test('has no rate for an image and no character outside ASCII', () => {
    const media = { ...report.media, kind: 'image' as const, frameRate: null, frameCount: 1 };
    const table = formatRunTable({ ...report, media });
    assert.match(table, /^frames +1 {2}\(1920x1080\)$/m);
    assert.match(table, /^[\n -~]*$/);
  });
});
