import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { z } from 'zod';
import { readOwnJson, writeWhole } from './job-file.js';
import { canonicalJson, type RenderPlan } from './plan.js';
import type { RunConfig } from './run-options.js';

/**
 * Everything that decides the bytes of a job's segments, as names and values that people can read. Two runs with equal components give
 * equal segments.
 */
export type JobComponents = Readonly<Record<string, string>>;

/** `job.json`: what a job folder is for. The plan and the configuration are for readers; a run makes both anew. */
export type JobRecord = {
  readonly schema: 1;
  readonly kind: 'faceswap-job';
  /** {@link fingerprintOf} the components. */
  readonly fingerprint: string;
  /** Absolute paths. */
  readonly output: string;
  readonly target: string;
  /** When the job was begun, for people. */
  readonly createdAt: string;
  readonly segmentCount: number;
  readonly components: JobComponents;
  /** Who works on the job, or did last. */
  readonly owner: { readonly pid: number; readonly host: string; readonly since: string };
};

const path = z.string().min(1).max(32_768);

const recordSchema = z.object({
  schema: z.literal(1),
  kind: z.literal('faceswap-job'),
  fingerprint: z.string().regex(/^[0-9a-f]{64}$/),
  output: path,
  target: path,
  createdAt: z.string().max(40),
  segmentCount: z.int().min(1).max(1_000_000),
  components: z.record(z.string().max(200), z.string().max(100_000)),
  owner: z.object({ pid: z.int().positive(), host: z.string().max(300), since: z.string().max(40) }),
});

/** The plan of a film of ten hours takes a megabyte. */
const largestRecordBytes = 64 * 2 ** 20;

/** sha256 (hex) of the canonical JSON of the components. */
export const fingerprintOf = (components: JobComponents): string =>
  createHash('sha256').update(canonicalJson(components)).digest('hex');

export const jobRecordFile = (folder: string): string => join(folder, 'job.json');

/** What a folder says of itself; undefined when it is none of ours, or damaged. */
export async function readJobRecord(folder: string): Promise<JobRecord | undefined> {
  const { data } = recordSchema.safeParse(await readOwnJson(jobRecordFile(folder), largestRecordBytes));
  if (data === undefined || fingerprintOf(data.components) !== data.fingerprint) return undefined;
  return data;
}

/** @throws FaceswapError (media, resources) when it cannot be written. */
export async function writeJobRecord(
  folder: string,
  record: JobRecord,
  { plan, config }: { readonly plan: RenderPlan; readonly config: RunConfig },
): Promise<void> {
  await writeWhole(jobRecordFile(folder), `${JSON.stringify({ ...record, config, plan }, null, 2)}\n`);
}

/** A component that two jobs have different values of; undefined: it is not there. */
export type ComponentDifference = {
  readonly name: string;
  readonly was: string | undefined;
  readonly is: string | undefined;
};

/** Follows from the others, so that it is worth telling only where nothing else differs. */
const derivedName = 'plan';

/** Where two jobs differ, in the order of the names. */
export function componentDifferences(was: JobComponents, is: JobComponents): readonly ComponentDifference[] {
  const names = [...new Set([...Object.keys(was), ...Object.keys(is)])].sort();
  const all = names
    .map((name) => ({ name, was: was[name], is: is[name] }))
    .filter((difference) => difference.was !== difference.is);
  const told = all.filter(({ name }) => name !== derivedName);
  return told.length === 0 ? all : told;
}

const shown = (value: string | undefined): string => {
  if (value === undefined) return 'not there';
  const short = /^[0-9a-f]{64}$/.test(value) ? `${value.slice(0, 12)}…` : value;
  return short.length > 80 ? `${short.slice(0, 80)}…` : short;
};

/** `output-video-quality was 80, is now 60; …`: the first three differences. */
export function differenceText(differences: readonly ComponentDifference[]): string {
  const texts = differences
    .slice(0, 3)
    .map(({ name, was, is }) => `${name} was ${shown(was)}, is now ${shown(is)}`);
  const more = differences.length - texts.length;
  return `${texts.join('; ')}${more > 0 ? `; and ${more} more` : ''}`;
}
