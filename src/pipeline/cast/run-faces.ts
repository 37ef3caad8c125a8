import { writeFile } from 'node:fs/promises';
import { FaceswapError } from '../../errors.js';
import type { PlanarFrame } from '../../imaging/planar-frame.js';
import { FrameCropper } from '../../imaging/frame-crop.js';
import { frameFromRgb, turnRgb } from '../../imaging/rgb-frame.js';
import { type SheetTile, writeContactSheet } from '../../media/contact-sheet.js';
import { rationalToNumber } from '../../media/rational.js';
import { readStill } from '../../media/still-image.js';
import { slotCount } from '../../media/target-media.js';
import { packageVersion } from '../../version.js';
import { chainModelFiles } from '../chain-files.js';
import { plainMachine } from '../face-chain.js';
import { throwIfInterrupted, untilInterrupted } from '../interruption.js';
import { chainSettings } from '../plan.js';
import { checkWritten, inputIdentity } from '../preflight.js';
import type { ProgressChannel } from '../progress-channel.js';
import { optionFlag } from '../option-checks.js';
import type { RunContext } from '../run.js';
import { boxBefore } from '../run-image.js';
import type { WorkerClient } from '../worker-client.js';
import { type FileToWrite, writeTogether } from '../written-files.js';
import { withAnalysisParts } from './analysis-parts.js';
import { analysisTargetKind, withAnimationAsVideo } from './analysis-target.js';
import { buildCast } from './build-cast.js';
import type { Cast, CastPerson } from './cast.js';
import { cutTile, decodeTiles } from './face-tiles.js';
import { type FacesConfig, type FacesOptions, resolveFacesOptions } from './faces-options.js';
import type { FacesPerson, FacesReport } from './faces-report.js';
import { castOf } from './find-cast.js';
import { secondsFromStart, type VideoAnalysisParts, withAnalysedVideo } from './video-analysis.js';

/** What every kind of target is looked at with. */
type FacesParts = VideoAnalysisParts & { readonly config: FacesConfig };

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

const findInVideo = (
  parts: FacesParts,
  options: Pick<FacesConfig, 'runConfig' | 'runOptions'>,
): Promise<FoundFaces> =>
  withAnalysedVideo(parts, { ...options, phase: 'cast' }, async ({ target, plan, findings, context }) => {
    const cast = castOf(plan, findings);
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
  });

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
  const { findings } = await worker.endSegment();
  if (findings === null)
    throw new FaceswapError('bug', 'A picture was analysed without a result', { stage: 'cast' });
  return buildCast([{ segment: 0, render: decode, tracks: findings.tracks }]);
};

/** Where no face is found, a picture is tried on either side and upside down, as `run` does. */
const findInImage = async (parts: FacesParts): Promise<FoundFaces> => {
  const { config, progress, signal, warnings } = parts;
  progress.emit({ type: 'phase', phase: 'probe' });
  const image = await readStill(config.target, 'target');
  const { widthPx, heightPx } = image;
  progress.emit({ type: 'phase', phase: 'cast' });
  const worker = parts.openWorker();
  const machine = { ...plainMachine, models: await chainModelFiles(config.runConfig) };
  await untilInterrupted(worker.init(chainSettings(config.runConfig), [], machine), signal);
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

const findInAnimation = (parts: FacesParts): Promise<FoundFaces> =>
  withAnimationAsVideo(parts, parts.config, async (video) => {
    const found = await findInVideo(parts, video);
    // The video is gone when this returns.
    const tiles = parts.config.contactSheet === undefined ? [] : await found.tiles();
    return { ...found, tiles: () => Promise.resolve(tiles) };
  });

const personFor = (person: CastPerson, found: FoundFaces): FacesPerson => {
  const { id, frames, firstFrame, best, ageYears, male, race = null, seen } = person;
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
    race,
    seen,
  };
};

/** `1:02.5`: minutes, seconds and tenths. */
const sheetTime = (seconds: number): string => {
  const tenths = Math.round(10 * seconds);
  const rest = tenths % 600;
  return `${Math.floor(tenths / 600)}:${String(Math.floor(rest / 10)).padStart(2, '0')}.${rest % 10}`;
};

const writeFiles = (
  { contactSheet, output, overwrite }: FacesConfig,
  report: FacesReport,
  tiles: readonly Uint8Array[],
): Promise<void> => {
  const files: FileToWrite[] = [];
  if (contactSheet !== undefined) {
    const sheet = tiles.map((rgb, at): SheetTile => {
      const { id, seconds } = report.persons[at] as FacesPerson;
      return { rgb, lines: seconds === null ? [id] : [id, sheetTime(seconds)] };
    });
    files.push({ file: contactSheet, write: (temporary) => writeContactSheet(temporary, sheet) });
  }
  if (output !== undefined) {
    const text = `${JSON.stringify(report, null, 2)}\n`;
    files.push({ file: output, write: (temporary) => writeFile(temporary, text, { flag: 'wx' }) });
  }
  return writeTogether(files, { overwrite, stage: 'cast' });
};

const search = async (parts: FacesParts, startMs: number): Promise<FacesReport> => {
  const { config, progress, signal, warnings } = parts;
  throwIfInterrupted(signal);
  await checkFiles(parts);
  const { target, runOptions } = config;
  const kind = await analysisTargetKind(target);
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
  context: Pick<RunContext, 'signal' | 'logger'>,
  { channel }: { readonly channel: ProgressChannel },
): Promise<FacesReport> {
  const startMs = performance.now();
  const config = resolveFacesOptions(options);
  return withAnalysisParts(context, { channel, stage: 'cast' }, (parts) =>
    search({ ...parts, config }, startMs),
  );
}
