import { frameLayout, type PlanarFrame, wrapFrame } from '../../src/imaging/planar-frame.js';
import { kernels } from '../../src/imaging/kernels/kernels.js';
import { FrameDecoder } from '../../src/media/decoder.js';
import { locateTools } from '../../src/media/ffmpeg-tools.js';
import { probeTarget } from '../../src/media/probe.js';
import { loadChainModels } from '../../src/pipeline/chain-models.js';
import { zonesFor } from '../../src/pipeline/mask-zones.js';
import { chainSettings } from '../../src/pipeline/plan.js';
import { resolveRunOptions } from '../../src/pipeline/resolve-run-options.js';
import { smootherSettings } from '../../src/pipeline/smoother-settings.js';
import { analysedFrames } from '../../test/support/analysed-frames.js';
import { SegmentAnalyser } from '../../src/pipeline/segment-analyser.js';
import { type AnalysedFrame, ShotWindow } from '../../src/pipeline/shot-window.js';
import { StageSamples } from '../../src/pipeline/stage-samples.js';

/** What the analysis of a clip gives, frame by frame. */
export type AnalysedClip = {
  readonly widthPx: number;
  readonly heightPx: number;
  readonly frames: readonly AnalysedFrame[];
};

/**
 * Analyses the first frames of a clip.
 *
 * @param change is given each frame before it is analysed, and may draw into it
 */
export async function analyseClip(
  clip: string,
  mostFrames: number,
  change: (frame: PlanarFrame, index: number) => void,
): Promise<AnalysedClip> {
  const settings = chainSettings(resolveRunOptions({ source: 'a', target: 'b', output: 'c' }));
  const models = await loadChainModels(settings);
  const tools = await locateTools();
  const target = await probeTarget(tools, clip);
  const { format, frameCount, frameRate } = target.video;
  const samples = new StageSamples();
  const analyser = new SegmentAnalyser(models, {
    zones: zonesFor(settings),
    samples,
    needsCast: false,
    matchesGrain: false,
  });
  const window = new ShotWindow(smootherSettings(settings));
  kernels().memory.reserveForPicture(format);
  const count = Math.min(mostFrames, frameCount);
  samples.begin(count);
  analyser.begin(frameRate.num / frameRate.den, window);
  const decoder = new FrameDecoder({
    tools,
    target,
    range: { start: 0, end: count },
    acquire: () => Promise.resolve(new ArrayBuffer(frameLayout(format).byteLength)),
    threads: 1,
  });
  async function* pictures(): AsyncGenerator<PlanarFrame> {
    for await (const { index, buffer } of decoder.frames()) {
      const frame = wrapFrame(format, buffer);
      change(frame, index);
      yield frame;
    }
  }
  const frames: AnalysedFrame[] = [];
  for await (const analysed of analysedFrames(analyser, pictures())) frames.push(analysed);
  analyser.dispose();
  await models.dispose();
  return { widthPx: format.widthPx, heightPx: format.heightPx, frames };
}
