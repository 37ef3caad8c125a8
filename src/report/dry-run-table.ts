import { formatBytes } from '../pipeline/byte-size.js';
import type { DryRun } from '../pipeline/dry-run.js';
import { estimateMachine } from '../pipeline/run-estimate.js';
import type { Rational } from '../pipeline/run-options.js';
import { faceMapText } from '../pipeline/selection/face-map.js';
import { missedChecksText } from './policy-text.js';
import { formatRows, type TableRow } from './table-rows.js';

const rateText = ({ num, den }: Rational, isVariable: boolean): string =>
  `${den === 1 ? num : `${num}/${den}`} fps${isVariable ? ' (nominal; the rate varies)' : ''}`;

/** The plan's own rows; an image has no plan. */
const planRows = ({ plan, encoder }: DryRun): readonly TableRow[] => {
  if (plan === null) return [];
  const { target, range } = plan;
  return [
    [
      'video',
      `${target.widthPx}x${target.heightPx} ${target.pixelFormat}, ${target.frameCount} frames at ${rateText(target.frameRate, target.isVariable)}`,
    ],
    ['range', `frames ${range.start} to ${range.end} (end not included)`],
    [
      'result',
      `${plan.outputFrameCount} frames at ${rateText(plan.outputFrameRate, plan.keepsTimes && target.isVariable)}, ${encoder ?? 'n/a'}`,
    ],
    ['plan', plan.fingerprint.slice(0, 16)],
  ];
};

/** Who would work, why so many, and with how much memory for frames; an image has one frame and one worker. */
const workerRows = ({ workers, estimate, config }: DryRun): readonly TableRow[] => {
  const buffers = `${formatBytes(estimate.frameBufferBytes)} of frame buffers`;
  if (workers === null || estimate.frameBufferLimitBytes === null) return [['memory', buffers]];
  const { count, reason, threadsPerModel, framesPerWorker } = workers;
  const threads = `${threadsPerModel} ${threadsPerModel === 1 ? 'thread' : 'threads'} for each model`;
  const limit = formatBytes(estimate.frameBufferLimitBytes);
  return [
    ['workers', `${count} (${reason}); ${threads}`],
    [
      'memory',
      `${buffers}, ${framesPerWorker} for each worker; limit ${limit}${config.maxMemoryBytes === undefined ? '' : ' as asked for'}`,
    ],
  ];
};

/** Which checks would look at the run. */
const policyRows = ({ policy: { checks, notRun } }: DryRun): readonly TableRow[] => {
  const lines = [
    ...checks.map((check) => `${check}, before rendering and after`),
    ...notRun.map(missedChecksText),
  ];
  return lines.map((line, index): TableRow => [index === 0 ? 'policy' : '', line]);
};

/** What a run would do: one label column, no colour, ends with a line break. */
export const formatDryRun = (dryRun: DryRun): string => {
  const { config, estimate, keptStreams, droppedStreams } = dryRun;
  const kept = keptStreams.map(({ index, type, codec }) => `#${index} ${type} ${codec}`).join(', ');
  const dropped = droppedStreams.map(({ index, type, reason }) => `#${index} ${type} (${reason})`).join(', ');
  return formatRows([
    ['status', 'dry run: nothing was rendered or written'],
    [
      'sources',
      config.sources.join(', ') || (config.maps.length > 0 ? 'none but those of the maps' : 'none'),
    ],
    ...config.maps.map((map, index): TableRow => [index === 0 ? 'map' : '', faceMapText(map)]),
    ...(config.needsCast
      ? [['people', 'are found first: all frames are analysed before the first is rendered'] as const]
      : []),
    ['target', `${config.target} (${dryRun.kind})`],
    ['output', config.output],
    ...planRows(dryRun),
    ['kept', kept === '' ? 'no other streams' : kept],
    ['dropped', dropped === '' ? 'none' : dropped],
    ...workerRows(dryRun),
    ...policyRows(dryRun),
    [
      'estimate',
      `${estimate.frames} frames in ${estimate.segments} ${estimate.segments === 1 ? 'segment' : 'segments'}`,
    ],
    [
      '',
      `about ${estimate.seconds.toFixed(0)} s on a machine like ${estimateMachine}; one face per frame assumed`,
    ],
    ['', 'a rough guess: machine, encoder and number of faces can change it several times over'],
  ]);
};
