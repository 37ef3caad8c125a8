import { neuralOptionEntries } from './neural-option-table.js';
import { optionChoices, runDefaults } from '../pipeline/resolve-run-options.js';
import type { BatchOptions } from '../pipeline/run-batch-options.js';

/** Switches of the command itself, which the library does not know. */
export type CommandSwitches = {
  config?: string;
  dryRun?: boolean;
  json?: boolean;
  progress?: ProgressMode;
};

/** How `--progress` shows what a run is doing. */
export type ProgressMode = 'auto' | 'bar' | 'json' | 'none';

/**
 * The JSON type of an option's value; `texts` and `numbers` are lists of one or more, `text-or-texts` is a single text where there
 * is one, `number-or-auto` also takes `auto`, `maps` are texts or objects that say who gets which face.
 */
export type OptionValueKind =
  | 'text'
  | 'texts'
  | 'text-or-texts'
  | 'maps'
  | 'number'
  | 'numbers'
  | 'number-or-text'
  | 'number-or-auto'
  | 'flag';

/** The heading under which `--help` lists an option. */
export type OptionGroup = 'Files' | 'Face' | 'Models' | 'Picture' | 'Video' | 'Quality' | 'Machine' | 'Run';

/**
 * One option of `faceswap run`: its flag, its key in `--config` and its line of help. The camelCase form of
 * `name` is the field of {@link BatchOptions}, or of {@link CommandSwitches} where `command` is set.
 */
export type RunOptionEntry = {
  /** Kebab-case, without dashes: the key in `--config`, and the flag's name except where `negated` is set. */
  readonly name: string;
  readonly short?: string;
  /** FaceFusion's name for the same thing, accepted and not listed in the help. */
  readonly alias?: string;
  readonly group: OptionGroup;
  readonly kind: OptionValueKind;
  /** What stands between the angle brackets of the help; unused for flags. */
  readonly placeholder?: string;
  readonly choices?: readonly string[];
  readonly description: string;
  /** The default of a command option; those of the library's are asked from it by {@link defaultTextOf}. */
  readonly defaultText?: string;
  /** The value is a file: relative ones in a config file count from that file's folder. */
  readonly path?: true;
  /** An option of the command, not of the library. */
  readonly command?: true;
  /** A switch that is on by default: the flag is `--no-name` and turns it off. */
  readonly negated?: true;
};

/**
 * Every option of `faceswap run`, in the order of the help. Flags, config keys, help text and the check of the
 * documentation are all made from this list.
 */
export const runOptionTable = [
  {
    name: 'source',
    short: 's',
    alias: 'source-paths',
    group: 'Files',
    kind: 'texts',
    placeholder: 'image',
    path: true,
    description: 'photos of the face to put in; several poses of one person help',
  },
  {
    name: 'target',
    short: 't',
    alias: 'target-path',
    group: 'Files',
    kind: 'text-or-texts',
    placeholder: 'file',
    path: true,
    description: 'the video or image to change; several, a folder or a pattern make a batch',
  },
  {
    name: 'output',
    short: 'o',
    alias: 'output-path',
    group: 'Files',
    kind: 'text',
    placeholder: 'file',
    path: true,
    description:
      'where the result goes; the extension chooses the container. For a batch a folder, or a name with {index}, {source_name}, {target_name}, {target_extension}',
  },
  {
    name: 'overwrite',
    group: 'Files',
    kind: 'flag',
    description: 'replace an output that exists',
  },
  {
    name: 'skip-existing',
    group: 'Files',
    kind: 'flag',
    description: 'leave out targets of a batch whose output exists',
  },
  {
    name: 'config',
    group: 'Files',
    kind: 'text',
    placeholder: 'file',
    command: true,
    description: 'read options from a JSON file with these same names; the command line wins',
  },
  {
    name: 'report',
    group: 'Files',
    kind: 'text',
    placeholder: 'file',
    path: true,
    description:
      'write totals and one row per frame as JSON, line by line if it ends in .jsonl; for a batch named like the output',
  },
  {
    name: 'processors',
    group: 'Face',
    kind: 'texts',
    placeholder: 'name',
    choices: optionChoices.processors,
    description: 'what is done to each face, in this order',
  },
  ...neuralOptionEntries,
  {
    name: 'face-selector-mode',
    group: 'Face',
    kind: 'text',
    placeholder: 'mode',
    choices: optionChoices.faceSelectorMode,
    description: 'swap every face, the first of each frame by the order, or one person of the target',
  },
  {
    name: 'face-selector-order',
    group: 'Face',
    kind: 'text',
    placeholder: 'order',
    choices: optionChoices.faceSelectorOrder,
    description: 'which face of a frame comes first',
  },
  {
    name: 'face-selector-gender',
    group: 'Face',
    kind: 'text',
    placeholder: 'gender',
    choices: optionChoices.faceSelectorGender,
    description: 'swap only people who read as female, or as male',
  },
  {
    name: 'face-selector-age-start',
    group: 'Face',
    kind: 'number',
    placeholder: 'years',
    description: 'swap only people who look at least that old',
  },
  {
    name: 'face-selector-age-end',
    group: 'Face',
    kind: 'number',
    placeholder: 'years',
    description: 'swap only people who look at most that old',
  },
  {
    name: 'face-selector-region',
    group: 'Face',
    kind: 'texts',
    placeholder: 'x,y,width,height',
    description: 'swap only faces whose middle lies there: pixels, or percent such as 0,0,50%,100%',
  },
  {
    name: 'reference-face',
    group: 'Face',
    kind: 'texts',
    placeholder: 'image',
    path: true,
    description: 'photos of the person in the target to be swapped; the others are left alone',
  },
  {
    name: 'reference-face-distance',
    group: 'Face',
    kind: 'number',
    placeholder: '0..1',
    description: 'how far a person may be from a reference photo; more finds more, and others too',
  },
  {
    name: 'reference-frame-number',
    group: 'Face',
    kind: 'number',
    placeholder: 'frame',
    description: 'the person to be swapped is on this frame of the target',
  },
  {
    name: 'reference-face-position',
    group: 'Face',
    kind: 'number',
    placeholder: 'number',
    description: 'which face of that frame by the order, counted from 0',
  },
  {
    name: 'map',
    group: 'Face',
    kind: 'maps',
    placeholder: 'person=image',
    path: true,
    description:
      'who gets which face: an id of `faceswap faces` or a photo of the person, then photos of the new face; --source is for everybody else',
  },
  {
    name: 'face-detector-score',
    group: 'Face',
    kind: 'number',
    placeholder: '0..1',
    description: 'lowest detector score that counts as a face',
  },
  {
    name: 'landmark-smoother',
    group: 'Face',
    kind: 'text',
    placeholder: 'mode',
    choices: optionChoices.landmarkSmoother,
    description: 'how landmarks are steadied over time',
  },
  {
    name: 'scene-cuts',
    group: 'Face',
    kind: 'text',
    placeholder: 'auto|none|file',
    description: 'where shots begin, as `faceswap scenes` lists it',
  },
  {
    name: 'smoother-window',
    group: 'Face',
    kind: 'number',
    placeholder: '2..7',
    description: 'window: frames to each side (7 if left out); ema: frames that are averaged (5)',
  },
  {
    name: 'smoother-alpha',
    group: 'Face',
    kind: 'number',
    placeholder: '0.05..1',
    description: 'ema: weight of the present frame',
  },
  {
    name: 'on-no-face',
    group: 'Face',
    kind: 'text',
    placeholder: 'policy',
    choices: optionChoices.onNoFace,
    description: 'a target without any face: stop with exit code 5, or copy it untouched',
  },
  {
    name: 'face-mask-blur',
    group: 'Picture',
    kind: 'number',
    placeholder: '0..1',
    description: "width of the mask's soft edge",
  },
  {
    name: 'face-mask-padding',
    group: 'Picture',
    kind: 'numbers',
    placeholder: 'percent',
    description: 'insets of the mask: one to four numbers (top right bottom left)',
  },
  {
    name: 'blend',
    group: 'Picture',
    kind: 'text',
    placeholder: 'mode',
    choices: optionChoices.blend,
    description: 'how the new face is laid into the frame',
  },
  {
    name: 'color-match',
    group: 'Picture',
    kind: 'text',
    placeholder: 'mode',
    choices: optionChoices.colorMatch,
    description: "fit the new face's colours to the target's",
  },
  {
    name: 'match-grain',
    group: 'Picture',
    kind: 'flag',
    description: "give the new face the target's noise",
  },
  {
    name: 'occlusion',
    group: 'Picture',
    kind: 'text',
    placeholder: 'mode',
    choices: optionChoices.occlusion,
    description: 'keep hands and things that come before a face in a video',
  },
  {
    name: 'output-video-encoder',
    group: 'Video',
    kind: 'text',
    placeholder: 'name',
    description: 'ffmpeg encoder; default: libx264, or libvpx-vp9 for webm',
  },
  {
    name: 'output-video-quality',
    group: 'Video',
    kind: 'number',
    placeholder: '0..100',
    description: '80 is crf 10 with libx264, 100 is crf 0',
  },
  {
    name: 'output-video-preset',
    group: 'Video',
    kind: 'text',
    placeholder: 'name',
    choices: optionChoices.outputVideoPreset,
    description: 'speed of the encoder against file size',
  },
  {
    name: 'output-video-fps',
    group: 'Video',
    kind: 'number-or-text',
    placeholder: 'rate',
    description: "another frame rate, such as 25 or 24000/1001; default: the target's",
  },
  {
    name: 'deinterlace',
    group: 'Video',
    kind: 'text',
    placeholder: 'filter',
    choices: optionChoices.deinterlace,
    description: 'make interlaced video progressive, one frame for each',
  },
  {
    name: 'trim-frame-start',
    group: 'Video',
    kind: 'number',
    placeholder: 'frame',
    description: 'first frame to render, counted from 0',
  },
  {
    name: 'trim-frame-end',
    group: 'Video',
    kind: 'number',
    placeholder: 'frame',
    description: 'first frame not to render',
  },
  {
    name: 'trim-start',
    group: 'Video',
    kind: 'number-or-text',
    placeholder: 'time',
    description: 'the same as a time: seconds or [[hh:]mm:]ss[.fraction]',
  },
  {
    name: 'trim-end',
    group: 'Video',
    kind: 'number-or-text',
    placeholder: 'time',
    description: 'time at which rendering ends',
  },
  {
    name: 'strict',
    group: 'Video',
    kind: 'flag',
    description: 'stop before any work if the output cannot hold all streams, chapters and tags',
  },
  {
    name: 'min-identity',
    group: 'Quality',
    kind: 'number',
    placeholder: '-1..1',
    description: 'end with exit code 7 if the median likeness to the source is lower',
  },
  {
    name: 'max-jitter',
    group: 'Quality',
    kind: 'number-or-text',
    placeholder: 'share',
    description: 'the same if more frames jitter, such as 5% or 0.05',
  },
  {
    name: 'min-tpsnr',
    group: 'Quality',
    kind: 'number',
    placeholder: 'dB',
    description: 'the same if the mean tPSNR of the output is lower',
  },
  {
    name: 'max-unswapped',
    group: 'Quality',
    kind: 'number-or-text',
    placeholder: 'share',
    description: 'the same if more of the faces were left alone, such as 2%',
  },
  {
    name: 'execution-provider',
    alias: 'execution-providers',
    group: 'Machine',
    kind: 'text-or-texts',
    placeholder: 'name',
    choices: optionChoices.executionProvider,
    description:
      'where the models run; several in order: what the first cannot compute goes to the next. `faceswap doctor` lists what is there',
  },
  {
    name: 'device-id',
    alias: 'execution-device-ids',
    group: 'Machine',
    kind: 'number',
    placeholder: 'number',
    description: 'which device of the provider, counted from 0: for cuda, tensorrt and directml',
  },
  {
    name: 'execution-thread-count',
    group: 'Machine',
    kind: 'number',
    placeholder: '1..64',
    description: 'threads that one model may use; default: the number of cores, at most 4',
  },
  {
    name: 'workers',
    group: 'Machine',
    kind: 'number-or-auto',
    placeholder: 'auto|1..64',
    description: 'segments rendered at the same time; the output does not depend on it',
  },
  {
    name: 'batch-size',
    group: 'Machine',
    kind: 'number-or-auto',
    placeholder: 'auto|1..64',
    description: 'faces that go through a model in one run',
  },
  {
    name: 'max-memory',
    group: 'Machine',
    kind: 'number-or-text',
    placeholder: 'size',
    description: 'most memory for frames in flight, such as 512M or 2G',
  },
  {
    name: 'vram-limit',
    group: 'Machine',
    kind: 'number-or-text',
    placeholder: 'size',
    description: 'most device memory for models, such as 6G',
  },
  {
    name: 'hwaccel',
    group: 'Machine',
    kind: 'text',
    placeholder: 'name',
    choices: optionChoices.hwaccel,
    description: 'decode on hardware; `auto` uses what is there and says so',
  },
  {
    name: 'cache',
    group: 'Machine',
    kind: 'flag',
    negated: true,
    description: 'neither use nor keep what is found out about target and sources',
  },
  {
    name: 'timeout',
    group: 'Machine',
    kind: 'number',
    placeholder: 'seconds',
    description: 'most time for one try at a segment of the video; default: as long as frames pass',
  },
  {
    name: 'resume',
    group: 'Run',
    kind: 'text',
    placeholder: 'mode',
    choices: optionChoices.resume,
    description: 'an unfinished job of this command: continue it, begin anew, or refuse to begin',
  },
  {
    name: 'keep-job',
    group: 'Run',
    kind: 'flag',
    description: 'keep the folder of segments and journal after success',
  },
  {
    name: 'job-dir',
    group: 'Run',
    kind: 'text',
    placeholder: 'folder',
    path: true,
    description: 'where the folder of unfinished files lies; default: beside the output',
  },
  {
    name: 'max-disk',
    group: 'Run',
    kind: 'number-or-text',
    placeholder: 'size',
    description: 'most that unfinished files may take, such as 20G',
  },
  {
    name: 'dry-run',
    group: 'Run',
    kind: 'flag',
    command: true,
    description: 'check everything and print the plan, render nothing',
  },
  {
    name: 'json',
    group: 'Run',
    kind: 'flag',
    command: true,
    description: 'print one JSON object on stdout instead of the table',
  },
  {
    name: 'progress',
    group: 'Run',
    kind: 'text',
    placeholder: 'mode',
    choices: ['auto', 'bar', 'json', 'none'],
    defaultText: 'auto',
    command: true,
    description: 'on stderr: a bar on terminals, or one JSON event per line',
  },
  {
    name: 'log-level',
    group: 'Run',
    kind: 'text',
    placeholder: 'level',
    choices: optionChoices.logLevel,
    description: 'how much is said on stderr',
  },
] as const satisfies readonly RunOptionEntry[];

/** The table under its general type, for code that walks over it. */
export const runOptionEntries: readonly RunOptionEntry[] = runOptionTable;

type CamelCase<Name extends string> = Name extends `${infer Head}-${infer Tail}`
  ? `${Head}${Capitalize<CamelCase<Tail>>}`
  : Name;

/** Fields that the table has; the two checks below fail to compile when it and the types differ. */
type TableField = CamelCase<(typeof runOptionTable)[number]['name']>;
type KnownField = keyof BatchOptions | keyof CommandSwitches;
type SameFields = [Exclude<KnownField, TableField>, Exclude<TableField, KnownField>] extends [never, never]
  ? true
  : never;

/** True as a type: every option of the library and of the command stands in the table, and nothing else does. */
export const tableIsComplete: SameFields = true;

/** The flag of an option as it is typed: `--overwrite`, or `--no-cache` for a switch that is on by default. */
export const flagOf = ({ name, negated }: RunOptionEntry): string =>
  negated === true ? `--no-${name}` : `--${name}`;

/** `face-mask-blur` → `faceMaskBlur`; camelCase names stay as they are. */
export const camelCase = (name: string): string =>
  name.replace(/-([a-z0-9])/g, (_match, letter: string) => letter.toUpperCase());

/** The default in words; undefined where it depends on the machine or the media, or where there is none. */
export const defaultTextOf = (entry: RunOptionEntry): string | undefined => {
  const defaults: Readonly<Record<string, unknown>> = runDefaults;
  const value = defaults[camelCase(entry.name)];
  if (value === undefined || entry.kind === 'flag') return entry.defaultText;
  return Array.isArray(value) ? value.join(' ') : String(value);
};
