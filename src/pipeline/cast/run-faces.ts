import { randomBytes } from 'node:crypto';
import { rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { FaceswapError } from '../../errors.js';
import { type PlanarFrame, frameLayout } from '../../imaging/planar-frame.js';
import { FrameCropper } from '../../imaging/frame-crop.js';
import { frameFromRgb, turnRgb } from '../../imaging/rgb-frame.js';
import { probeAnimation } from '../../media/animated-image.js';
import { type SheetTile, writeContactSheet } from '../../media/contact-sheet.js';
import { contentHash } from '../../media/content-hash.js';
import { locateTools } from '../../media/ffmpeg-tools.js';
import { chooseDecoder } from '../../media/hardware-decoder.js';
import { sniffMediaKind } from '../../media/media-kind.js';
import { probeTarget } from '../../media/probe.js';
import { rationalToNumber } from '../../media/rational.js';
import { readStill } from '../../media/still-image.js';
import { frameSeconds, slotCount, type TargetMedia } from '../../media/target-media.js';
import { packageVersion } from '../../version.js';
import { plainMachine } from '../face-chain.js';
import { fileFailure } from '../file-failure.js';
import { placeFile } from '../file-placement.js';
import { interruption, throwIfInterrupted, untilInterrupted } from '../interruption.js';
import { syncFile } from '../job-file.js';
import { chainSettings, makePlan } from '../plan.js';
import { checkWritten, inputIdentity, type TargetKind } from '../preflight.js';
import type { ProgressChannel } from '../progress-channel.js';
import { optionFlag } from '../resolve-run-options.js';
import { defaultRetryPolicy, systemClock } from '../retry.js';
import type { RunContext } from '../run.js';
import { boxBefore } from '../run-image.js';
import { silentLogger } from '../run-logger.js';
import { keepsAnalysis, type RunParts } from '../run-parts.js';
import { openAnalyses } from '../run-video.js';
import { defaultStallLimits, FrameTimes } from '../stall-watch.js';
import { startTeam } from '../start-team.js';
import { WarningList } from '../warning-list.js';
import { WorkerClient } from '../worker-client.js';
import { planWorkersHere } from '../worker-plan.js';
import { WorkerSet } from '../worker-set.js';
import { buildCast } from './build-cast.js';
import type { Cast, CastPerson } from './cast.js';
import { cutTile, decodeTiles } from './face-tiles.js';
import { type FacesConfig, type FacesOptions, resolveFacesOptions } from './faces-options.js';
import type { FacesPerson, FacesReport } from './faces-report.js';
import { findCast } from './find-cast.js';

/** What every kind of target is looked at with. */
type FacesParts = Pick<
  RunParts,
  'progress' | 'warnings' | 'signal' | 'logger' | 'openWorker' | 'replaceWorker' | 'retryPolicy'
> & { readonly config: FacesConfig };

/** Who was found in what, before anything is written. */
type FoundFaces = Pick<FacesReport, 'widthPx' | 'heightPx' | 'range' | 'seconds'> & {
  readonly cast: Cast;
  readonly secondsOf: (person: CastPerson) => number | null;
  readonly timeOf: (frame: number) => number | null;
  /** Pictures of the persons, in their order. */
  readonly tiles: () => Promise<readonly Uint8Array[]>;
};

/** Options that mean nothing for a picture that does not move. */
const videoOptions = [
  'trimFrameStart',
  'trimFrameEnd',
  'trimStart',
  'trimEnd',
  'deinterlace',
  'hwaccel',
] as const;

const checkFiles = async ({
  config: { target, output, contactSheet, overwrite },
}: FacesParts): Promise<void> => {
  const inputs = [{ option: 'target' as const, identity: await inputIdentity('target', target) }];
  const check = { config: { overwrite }, inputs, folders: 'there' as const };
  const written = output === undefined ? undefined : await checkWritten('output', output, check);
  if (contactSheet === undefined) return;
  if ((await checkWritten('contactSheet', contactSheet, check)) === written) {
    throw new FaceswapError('usage', '--contact-sheet must be another file than --output', {
      file: contactSheet,
    });
  }
};

const kindOf = async (target: string): Promise<TargetKind> => {
  if ((await sniffMediaKind(target)) === 'video') return 'video';
  const animation = await probeAnimation(target);
  return animation !== undefined && animation.frameCount > 1 ? 'animation' : 'image';
};

const secondsFromStart = (target: TargetMedia, frame: number): number =>
  Math.max(0, frameSeconds(target, frame) - target.startMicroseconds / 1e6);

const findInVideo = async (
  parts: FacesParts,
  { runConfig, runOptions }: Pick<FacesConfig, 'runConfig' | 'runOptions'>,
): Promise<FoundFaces> => {
  const { progress, logger, signal } = parts;
  progress.emit({ type: 'phase', phase: 'probe' });
  const tools = await locateTools();
  const target = await probeTarget(tools, runConfig.target, {
    signal,
    deinterlacer: runConfig.deinterlace === 'off' ? undefined : runConfig.deinterlace,
  });
  progress.emit({ type: 'phase', phase: 'plan' });
  if (target.video.frameCount < 1) {
    throw new FaceswapError('media', 'The video has no frames', { file: target.file, stage: 'plan' });
  }
  const plan = makePlan({ target, config: runConfig });
  const decoder = await chooseDecoder(tools, target, runConfig.hwaccel, { signal });
  const frameBytes = frameLayout(target.video.format).byteLength;
  const workerPlan = await planWorkersHere(runConfig, runOptions, { plan, target, frameBytes });
  const stopHash = new AbortController();
  const hash = contentHash(runConfig.target, { signal: stopHash.signal });
  hash.catch(() => {});
  const own = { ...parts, config: runConfig, models: null };
  const analyses = keepsAnalysis(own)
    ? await openAnalyses(own, { target, decoder }, { tools, hashes: { target: hash } })
    : null;
  try {
    const { team, batch, leastFrames } = await startTeam(own, workerPlan, {
      sources: { faces: [], warnings: [] },
      frameBytes,
    });
    const context = {
      tools,
      target,
      hardware: decoder.hardware,
      decoderThreads: workerPlan.decoderThreads,
      analyses,
      logger,
      signal,
      patience: {
        clock: systemClock,
        limits: defaultStallLimits,
        times: new FrameTimes(),
        framesPerRun: Math.min(batch.size, workerPlan.batchFrames),
        timeoutMs: undefined,
      },
    };
    const cast = await findCast(parts, { plan, team, leastFrames, context });
    const period = 1 / rationalToNumber(target.video.clock);
    const { range } = plan;
    return {
      widthPx: target.video.format.widthPx,
      heightPx: target.video.format.heightPx,
      range,
      seconds: slotCount(target.video, range) * period,
      cast,
      secondsOf: ({ seen }) => seen.reduce((sum, part) => sum + slotCount(target.video, part) * period, 0),
      timeOf: (frame) => secondsFromStart(target, frame),
      tiles: () =>
        decodeTiles(
          context,
          cast.persons.map(({ best }) => best),
        ),
    };
  } finally {
    await analyses?.close();
    stopHash.abort();
  }
};

/** Faces of one picture as the cast of one frame. */
const castOfPicture = async (worker: WorkerClient, frame: PlanarFrame): Promise<Cast> => {
  const decode = { start: 0, end: 1 };
  await worker.beginSegment({
    format: frame.format,
    frameRate: { num: 1, den: 1 },
    decode,
    render: { start: 0, end: 0 },
  });
  // The frame is needed again for the contact sheet, and its buffer is transferred away.
  await worker.push({ index: 0, buffer: frame.data.slice().buffer as ArrayBuffer });
  const { tracks } = await worker.endSegment();
  if (tracks === null)
    throw new FaceswapError('bug', 'A picture was analysed without a result', { stage: 'cast' });
  return buildCast([{ segment: 0, render: decode, tracks }]);
};

/** Where no face is found, a picture is tried on either side and upside down, as `run` does. */
const findInImage = async (parts: FacesParts): Promise<FoundFaces> => {
  const { config, progress, signal, warnings } = parts;
  progress.emit({ type: 'phase', phase: 'probe' });
  const image = await readStill(config.target, 'target');
  const { widthPx, heightPx } = image;
  progress.emit({ type: 'phase', phase: 'cast' });
  const worker = parts.openWorker();
  await untilInterrupted(worker.init(chainSettings(config.runConfig), [], plainMachine), signal);
  for (const quarters of [0, 1, 3, 2] as const) {
    const turned = turnRgb(image, quarters);
    const frame = frameFromRgb(turned);
    const upright = await untilInterrupted(castOfPicture(worker, frame), signal);
    if (upright.persons.length === 0 && quarters !== 2) continue;
    if (quarters !== 0 && upright.persons.length > 0) {
      warnings.add({
        code: 'face-not-upright',
        message: `No upright face was found; those of the picture turned by ${90 * quarters} degrees clockwise are listed`,
        file: config.target,
      });
    }
    const persons = upright.persons.map((person) =>
      quarters === 0
        ? person
        : { ...person, best: { ...person.best, box: boxBefore(person.best.box, image, quarters) } },
    );
    const cropper = new FrameCropper();
    return {
      widthPx,
      heightPx,
      range: { start: 0, end: 1 },
      seconds: null,
      cast: { ...upright, persons },
      secondsOf: () => null,
      timeOf: () => null,
      tiles: () => Promise.resolve(upright.persons.map(({ best }) => cutTile(cropper, frame, best.box))),
    };
  }
  throw new FaceswapError('bug', 'A picture was not looked at from any side', { stage: 'cast' });
};

/** An animated image is looked at as the video that a run would make of it, in the system's temporary folder. */
const findInAnimation = async (parts: FacesParts): Promise<FoundFaces> => {
  const { config, signal } = parts;
  const { withAnimationVideo } = await import('../run-animation.js');
  const given = {
    ...config.runConfig,
    output: join(tmpdir(), 'faces.mkv'),
    outputVideoEncoder: 'ffv1',
    // What is found in a file that is made anew each time is of no use to later runs.
    cache: false,
  };
  return withAnimationVideo(given, { tools: await locateTools(), signal }, async (video) => {
    const found = await findInVideo(parts, {
      runConfig: video.config,
      runOptions: { ...config.runOptions, target: video.file },
    });
    // The video is gone when this returns.
    const tiles = config.contactSheet === undefined ? [] : await found.tiles();
    return { ...found, tiles: () => Promise.resolve(tiles) };
  });
};

const personFor = (person: CastPerson, found: FoundFaces): FacesPerson => {
  const { id, frames, firstFrame, best, ageYears, male, seen } = person;
  const { range, timeOf, secondsOf } = found;
  return {
    id,
    frames,
    seconds: secondsOf(person),
    share: frames / (range.end - range.start),
    first: { frame: firstFrame, seconds: timeOf(firstFrame) },
    best: { ...best, seconds: timeOf(best.frame) },
    ageYears,
    gender: male === null ? null : male >= 0.5 ? 'male' : 'female',
    male,
    seen,
  };
};

/** `1:02.5`: minutes, seconds and tenths. */
const sheetTime = (seconds: number): string => {
  const tenths = Math.round(10 * seconds);
  const rest = tenths % 600;
  return `${Math.floor(tenths / 600)}:${String(Math.floor(rest / 10)).padStart(2, '0')}.${rest % 10}`;
};

/** Writes a file under a temporary name beside its own. @returns that name. */
const writeBeside = async (file: string, write: (temporary: string) => Promise<void>): Promise<string> => {
  const temporary = join(dirname(file), `.${basename(file)}-${randomBytes(4).toString('hex')}.part`);
  try {
    await write(temporary);
    await syncFile(temporary);
    return temporary;
  } catch (error) {
    await rm(temporary, { force: true });
    throw error instanceof FaceswapError ? error : fileFailure(error, file, 'cast');
  }
};

/** Both files are whole and on the disk before the first gets its name. */
const writeFiles = async (
  { contactSheet, output, overwrite }: FacesConfig,
  report: FacesReport,
  tiles: readonly Uint8Array[],
): Promise<void> => {
  const written: { readonly temporary: string; readonly file: string }[] = [];
  try {
    if (contactSheet !== undefined) {
      const sheet = tiles.map((rgb, at): SheetTile => {
        const { id, seconds } = report.persons[at] as FacesPerson;
        return { rgb, lines: seconds === null ? [id] : [id, sheetTime(seconds)] };
      });
      const write = (file: string): Promise<void> => writeContactSheet(file, sheet);
      written.push({ temporary: await writeBeside(contactSheet, write), file: contactSheet });
    }
    if (output !== undefined) {
      const write = (file: string): Promise<void> =>
        writeFile(file, `${JSON.stringify(report, null, 2)}\n`, { flag: 'wx' });
      written.push({ temporary: await writeBeside(output, write), file: output });
    }
    for (const { temporary, file } of written) await placeFile(temporary, file, { overwrite, stage: 'cast' });
  } finally {
    for (const { temporary } of written) await rm(temporary, { force: true });
  }
};

const search = async (parts: FacesParts, startMs: number): Promise<FacesReport> => {
  const { config, progress, signal, warnings } = parts;
  throwIfInterrupted(signal);
  await checkFiles(parts);
  const { target, runOptions } = config;
  const kind = await kindOf(target);
  const idle = kind === 'video' ? undefined : kind === 'image' ? videoOptions : (['hwaccel'] as const);
  const given = idle?.find((name) => runOptions[name] !== undefined);
  if (given !== undefined) {
    const what = kind === 'image' ? 'an image' : 'an animated image';
    throw new FaceswapError('usage', `${optionFlag(given)} must be left out when the target is ${what}`, {
      file: target,
    });
  }
  const found =
    kind === 'image'
      ? await findInImage(parts)
      : kind === 'animation'
        ? await findInAnimation(parts)
        : await findInVideo(parts, config);
  const { cast, widthPx, heightPx, range, seconds } = found;
  if (cast.persons.length === 0) {
    throw new FaceswapError('noFace', 'No face was found in the target', {
      file: target,
      hint: 'Lower --face-detector-score',
    });
  }
  const tiles = config.contactSheet === undefined ? [] : await found.tiles();
  throwIfInterrupted(signal);
  const report: FacesReport = {
    schema: 1,
    version: packageVersion(),
    target,
    kind,
    widthPx,
    heightPx,
    range,
    seconds,
    persons: cast.persons.map((person) => personFor(person, found)),
    tracks: cast.tracks.map(({ person, ...track }) => ({
      ...track,
      person: (cast.persons[person] as CastPerson).id,
    })),
    contactSheet: config.contactSheet ?? null,
    wallMs: performance.now() - startMs,
    warnings: warnings.all,
  };
  await writeFiles(config, report, tiles);
  progress.emit({ type: 'phase', phase: 'done' });
  return report;
};

/** The `faces` of the library, with the channel that its handle reads. */
export async function runFaces(
  options: FacesOptions,
  { signal, logger = silentLogger }: Pick<RunContext, 'signal' | 'logger'>,
  { channel }: { readonly channel: ProgressChannel },
): Promise<FacesReport> {
  const startMs = performance.now();
  const config = resolveFacesOptions(options);
  const workers = new WorkerSet(() => new WorkerClient({ logger }));
  const parts: FacesParts = {
    config,
    progress: channel,
    warnings: new WarningList(channel),
    signal,
    logger,
    openWorker: (number = 0) => workers.open(number),
    replaceWorker: (number) => workers.replace(number),
    retryPolicy: defaultRetryPolicy,
  };
  try {
    return await search(parts, startMs);
  } catch (error) {
    if (signal?.aborted === true) throw interruption();
    throw FaceswapError.from(error, 'cast');
  } finally {
    await workers.close();
  }
}
