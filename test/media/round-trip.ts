import { join } from 'node:path';
import { planMux } from '../../src/media/mux-plan.js';
import { muxOutput } from '../../src/media/muxer.js';
import { defaultVideoEncoder, outputContainer } from '../../src/media/output-container.js';
import { verifyOutput } from '../../src/media/output-verification.js';
import { probeTarget } from '../../src/media/probe.js';
import { hasOwnLastDuration, type TargetMedia } from '../../src/media/target-media.js';
import { videoEncodingFor } from '../../src/media/video-encoding.js';
import { rangesOf, tools, transcodeSegments } from './media-fixtures.js';

/** A source and what became of it. */
export type RoundTrip = { readonly before: TargetMedia; readonly after: TargetMedia; readonly file: string };

/** Times of all frames in seconds since the first. */
export const timesOf = ({ video }: TargetMedia): readonly number[] =>
  Array.from(
    video.ptsTicks,
    (pts) => ((pts - (video.ptsTicks[0] ?? 0)) * video.timeBase.num) / video.timeBase.den,
  );

/** Decodes, encodes in three segments, joins and verifies, without a swap in between. */
export const roundTrip = async (folder: string, source: string, name: string): Promise<RoundTrip> => {
  const before = await probeTarget(tools, source);
  const { frameCount, slots } = before.video;
  const file = join(folder, name);
  const container = outputContainer(file);
  const encoder = defaultVideoEncoder(container);
  const plan = await planMux({ tools, target: before, outputFile: file, videoEncoder: encoder });
  // Not ultrafast, which has no B-frames.
  const preset = 'superfast' as const;
  const encoding = videoEncodingFor({ target: before, encoder, container, preset, threads: 2 });
  const range = { start: 0, end: frameCount };
  const third = Math.ceil(frameCount / 3);
  const segments = await transcodeSegments(before, encoding, rangesOf(frameCount, third, 2 * third), folder);
  const { frameRate, clock, widthPx, heightPx, sampleAspectRatio, colour } = encoding;
  const output = { tools, target: before, plan, segments, range, frameRate, clock, temporaryFile: file };
  await muxOutput({ ...output, keepsLastDuration: hasOwnLastDuration(before, range) });
  const picture = { frameRate, clock, widthPx, heightPx, sampleAspectRatio, colour };
  const expected = { ...picture, slots, keepsTimes: true, plan, target: before, range };
  await verifyOutput(tools, file, expected);
  return { before, after: await probeTarget(tools, file), file };
};
