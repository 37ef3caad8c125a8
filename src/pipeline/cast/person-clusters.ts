import { type Box, boxOverlap } from '../../imaging/affine.js';
import { cosine } from '../../processors/face-recognizer/face-recognizer.js';
import type { TrackSample } from './segment-findings.js';
import type { ChainLink, TrackChain } from './track-chain.js';

/**
 * Mean cosine similarity of the descriptors of two groups of tracks from which they are one person: see docs/faces.md for what was
 * measured.
 */
export const samePersonSimilarity = 0.68;

/** A sample that is less like the one that stands for its track than this shows something else: another face, a hand, a blur. */
const sampleAgreement = 0.6;

/** Tracks in one frame whose boxes overlap more than this are one face that was found twice. */
const sameFaceOverlap = 0.3;

/** What a track looks like, by the majority of its samples. */
export type TrackVote = {
  /** Mean descriptor, L2-normalised. */
  readonly descriptor: Float32Array;
  /** Of all samples that agree. */
  readonly weight: number;
  readonly samples: readonly TrackSample[];
};

const add = (sum: Float32Array, vector: Float32Array, factor: number): void => {
  for (let i = 0; i < sum.length; i++) sum[i] = (sum[i] as number) + factor * (vector[i] as number);
};

/** @returns the vector with a length of 1. */
export const normalised = (vector: Float32Array): Float32Array => {
  const length = Math.sqrt(cosine(vector, vector));
  return length > 0 ? vector.map((value) => value / length) : vector;
};

const weightedMean = (samples: readonly TrackSample[]): Float32Array => {
  const sum = new Float32Array(samples[0]?.descriptor.length ?? 0);
  for (const { descriptor, weight } of samples) add(sum, descriptor, weight);
  return normalised(sum);
};

/**
 * Lets the samples of a track vote: each for all that are like it, with their weights. The sample with most votes stands for the track, and
 * only those that agree with it count.
 *
 * @returns null without samples
 */
export const voteOf = (samples: readonly TrackSample[]): TrackVote | null => {
  let winner: TrackSample | undefined;
  let most = Number.NEGATIVE_INFINITY;
  for (const candidate of samples) {
    let votes = 0;
    for (const { descriptor, weight } of samples) votes += weight * cosine(candidate.descriptor, descriptor);
    if (votes > most) {
      most = votes;
      winner = candidate;
    }
  }
  if (winner === undefined) return null;
  const { descriptor } = winner;
  const agreeing = samples.filter((sample) => cosine(sample.descriptor, descriptor) >= sampleAgreement);
  return {
    descriptor: weightedMean(agreeing),
    weight: agreeing.reduce((sum, { weight }) => sum + weight, 0),
    samples: agreeing,
  };
};

/** Whether two tracks are seen in one frame at two places, as no person can be. */
const areApart = (first: TrackChain, second: TrackChain): boolean => {
  const begins = ({ sightings }: TrackChain): number => sightings[0]?.frame ?? 0;
  const ends = ({ sightings }: TrackChain): number => sightings.at(-1)?.frame ?? 0;
  if (ends(first) < begins(second) || ends(second) < begins(first)) return false;
  for (let a = 0, b = 0; a < first.sightings.length && b < second.sightings.length; ) {
    const one = first.sightings[a] as TrackChain['sightings'][number];
    const other = second.sightings[b] as TrackChain['sightings'][number];
    if (one.frame === other.frame && boxOverlap(one.box, other.box) < sameFaceOverlap) return true;
    if (one.frame <= other.frame) a += 1;
    if (other.frame <= one.frame) b += 1;
  }
  return false;
};

type Cluster = {
  readonly chains: number[];
  /** Sum of the members' descriptors by their weight. */
  readonly sum: Float32Array;
  weight: number;
  /** Clusters that must stay apart from this one. */
  readonly others: Set<Cluster>;
  nearest: Cluster | null;
  similarity: number;
};

/** A track that was sampled more often than this says no more by it than another one. */
const fullWeight = 4;

/** Average linkage: the mean over all pairs of members, by weight, which is the product of the two mean vectors. */
const similarityOf = (first: Cluster, second: Cluster): number =>
  cosine(first.sum, second.sum) / (first.weight * second.weight);

const findNearest = (cluster: Cluster, among: Iterable<Cluster>): void => {
  cluster.nearest = null;
  cluster.similarity = Number.NEGATIVE_INFINITY;
  for (const other of among) {
    if (other === cluster || cluster.others.has(other)) continue;
    const similarity = similarityOf(cluster, other);
    if (similarity <= cluster.similarity) continue;
    cluster.nearest = other;
    cluster.similarity = similarity;
  }
};

/** Puts the second into the first; what looked at one of the two looks anew. */
const merge = (first: Cluster, second: Cluster, clusters: Set<Cluster>): void => {
  clusters.delete(second);
  first.chains.push(...second.chains);
  add(first.sum, second.sum, 1);
  first.weight += second.weight;
  for (const other of second.others) {
    other.others.delete(second);
    other.others.add(first);
    first.others.add(other);
  }
  for (const cluster of clusters) {
    if (cluster === first || cluster.nearest === first || cluster.nearest === second) {
      findNearest(cluster, clusters);
    } else if (!cluster.others.has(first)) {
      const similarity = similarityOf(cluster, first);
      if (similarity <= cluster.similarity) continue;
      cluster.nearest = first;
      cluster.similarity = similarity;
    }
  }
};

/**
 * Groups tracks by person: the two groups that are most alike become one, as long as they are alike enough. Two tracks that are seen in
 * one frame at different places never come into one group, whatever they look like: twins, mirrors and pictures on a wall are other
 * persons. A track without any sample belongs to the one that is seen at its place shortly before or after it in the same shot;
 * where there is none, it is a group of its own.
 *
 * @param votes of the chains, in their order
 * @returns the chains of each person, as indexes
 */
export const clusterChains = (
  chains: readonly TrackChain[],
  votes: readonly (TrackVote | null)[],
): readonly (readonly number[])[] => {
  const alone: number[][] = [];
  const clusters = new Set<Cluster>();
  for (const [index, vote] of votes.entries()) {
    if (vote === null) {
      alone.push([index]);
      continue;
    }
    const weight = Math.min(fullWeight, vote.weight);
    clusters.add({
      chains: [index],
      sum: vote.descriptor.map((value) => weight * value),
      weight,
      others: new Set(),
      nearest: null,
      similarity: Number.NEGATIVE_INFINITY,
    });
  }
  const list = [...clusters];
  for (const [at, first] of list.entries()) {
    for (const second of list.slice(at + 1)) {
      const [one, other] = [first.chains[0], second.chains[0]] as [number, number];
      if (!areApart(chains[one] as TrackChain, chains[other] as TrackChain)) continue;
      first.others.add(second);
      second.others.add(first);
    }
  }
  for (const cluster of clusters) findNearest(cluster, clusters);
  for (;;) {
    let best: Cluster | null = null;
    for (const cluster of clusters) {
      if (cluster.nearest !== null && cluster.similarity > (best?.similarity ?? samePersonSimilarity)) {
        best = cluster;
      }
    }
    if (best?.nearest === null || best === null) break;
    merge(best, best.nearest, clusters);
  }
  return attachFragments([...[...clusters].map((cluster) => cluster.chains), ...alone], { chains, votes });
};

/** What is seen longer before or after a track says nothing about it. */
const longestBreakFrames = 12;

const holdsMiddle = (box: Box, { x, y, width, height }: Box): boolean => {
  const [middleX, middleY] = [x + width / 2, y + height / 2];
  return middleX > box.x && middleX < box.x + box.width && middleY > box.y && middleY < box.y + box.height;
};

/** Whether a track is seen in the shot of another one and at its place, shortly before it begins or after it ends. */
const surrounds = (track: TrackChain, fragment: TrackChain): boolean => {
  const isInShot = ({ segment, track: { shot } }: ChainLink): boolean =>
    fragment.links.some((link) => link.segment === segment && link.track.shot === shot);
  const [first, last] = [fragment.sightings[0], fragment.sightings.at(-1)];
  if (first === undefined || last === undefined || !track.links.some(isInShot)) return false;
  return track.sightings.some(({ frame, box }) => {
    const [before, after] = [first.frame - frame, frame - last.frame];
    if (before > 0 && before <= longestBreakFrames) return holdsMiddle(box, first.box);
    return after > 0 && after <= longestBreakFrames && holdsMiddle(box, last.box);
  });
};

/** Puts tracks that nobody could recognise to those of which they are a part. */
const attachFragments = (
  groups: readonly (readonly number[])[],
  { chains, votes }: { chains: readonly TrackChain[]; votes: readonly (TrackVote | null)[] },
): readonly (readonly number[])[] => {
  const chainAt = (index: number): TrackChain => chains[index] as TrackChain;
  const persons: number[][] = [];
  const fragments: number[] = [];
  for (const group of groups) {
    const [only] = group as [number];
    if (group.length === 1 && (votes[only] ?? null) === null) fragments.push(only);
    else persons.push([...group]);
  }
  fragments.sort(
    (first, second) => (chainAt(first).sightings[0]?.frame ?? 0) - (chainAt(second).sightings[0]?.frame ?? 0),
  );
  for (const fragment of fragments) {
    const own = chainAt(fragment);
    const person = persons.find(
      (indexes) =>
        indexes.some((index) => surrounds(chainAt(index), own)) &&
        !indexes.some((index) => areApart(chainAt(index), own)),
    );
    if (person === undefined) persons.push([fragment]);
    else person.push(fragment);
  }
  return persons;
};
