import type { FrameRange } from '../../media/decoder.js';
import { type FaceRace, faceRaces } from '../../processors/face-recognizer/face-races.js';
import type { Cast, CastFace, CastPerson, CastTrack } from './cast.js';
import { clusterChains, normalised, type TrackVote, voteOf } from './person-clusters.js';
import { type AnalysedSegment, joinTracks, type Sighting, type TrackChain } from './track-chain.js';

/** A person before it has a name. */
type Unnamed = Omit<CastPerson, 'id'> & { readonly chains: readonly number[] };

/** Frames as ranges without gaps. */
const rangesOf = (frames: readonly number[]): readonly FrameRange[] => {
  const ranges: { start: number; end: number }[] = [];
  for (const frame of frames) {
    const last = ranges.at(-1);
    if (last?.end === frame) last.end = frame + 1;
    else ranges.push({ start: frame, end: frame + 1 });
  }
  return ranges;
};

/** The sample that counts most, or without samples the largest sighting. */
const bestOf = (chains: readonly TrackChain[], votes: readonly TrackVote[]): CastFace => {
  const boxes = new Map<number, Sighting>();
  let largest: Sighting | undefined;
  for (const sighting of chains.flatMap(({ sightings }) => sightings)) {
    boxes.set(sighting.frame, sighting);
    const { width, height } = sighting.box;
    if (largest === undefined || width * height > largest.box.width * largest.box.height) largest = sighting;
  }
  let best: CastFace | undefined;
  for (const { frame, weight } of votes.flatMap(({ samples }) => samples)) {
    const seen = boxes.get(frame);
    if (seen === undefined || weight <= (best?.score ?? 0)) continue;
    best = { ...seen, score: weight };
  }
  return best ?? { ...(largest as Sighting), score: 0 };
};

/** The age that half of the weight lies below. */
const medianAge = (votes: readonly TrackVote[]): number | null => {
  const samples = votes.flatMap((vote) => vote.samples).sort((a, b) => a.ageYears - b.ageYears);
  const total = samples.reduce((sum, { weight }) => sum + weight, 0);
  let below = 0;
  for (const { ageYears, weight } of samples) {
    below += weight;
    if (below >= total / 2) return ageYears;
  }
  return null;
};

/** Mean probability by weight. */
const maleShare = (votes: readonly TrackVote[]): number | null => {
  const samples = votes.flatMap((vote) => vote.samples);
  const total = samples.reduce((sum, { weight }) => sum + weight, 0);
  if (total === 0) return null;
  return samples.reduce((sum, { weight, male }) => sum + weight * male, 0) / total;
};

/** The race that has most of the weight; of two alike the one that comes first in the list. */
const mostVoted = (votes: readonly TrackVote[]): FaceRace | undefined => {
  const samples = votes.flatMap((vote) => vote.samples);
  let best: FaceRace | undefined;
  let most = 0;
  for (const race of faceRaces) {
    const weight = samples.reduce((sum, sample) => sum + (sample.race === race ? sample.weight : 0), 0);
    if (weight <= most) continue;
    best = race;
    most = weight;
  }
  return best;
};

const meanDescriptor = (votes: readonly TrackVote[]): Float32Array => {
  const sum = new Float32Array(votes[0]?.descriptor.length ?? 0);
  for (const { descriptor, weight } of votes) {
    for (let i = 0; i < sum.length; i++) sum[i] = (sum[i] as number) + weight * (descriptor[i] as number);
  }
  return normalised(sum);
};

const personFrom = (
  indexes: readonly number[],
  allChains: readonly TrackChain[],
  allVotes: readonly (TrackVote | null)[],
): Unnamed => {
  const chains = indexes.map((index) => allChains[index] as TrackChain);
  const votes = indexes.flatMap((index) => allVotes[index] ?? []);
  const frames = [...new Set(chains.flatMap(({ sightings }) => sightings.map(({ frame }) => frame)))];
  frames.sort((first, second) => first - second);
  const race = mostVoted(votes);
  return {
    chains: indexes,
    frames: frames.length,
    firstFrame: frames[0] as number,
    seen: rangesOf(frames),
    best: bestOf(chains, votes),
    descriptor: meanDescriptor(votes),
    ageYears: medianAge(votes),
    male: maleShare(votes),
    ...(race === undefined ? {} : { race }),
  };
};

/**
 * Finds out who is in a clip from the tracks of its segments: tracks are joined across the borders of segments by place, and those of one
 * person by how they look, which the samples of each track decide by vote.
 *
 * @param segments in order
 */
export const buildCast = (segments: readonly AnalysedSegment[]): Cast => {
  const chains = joinTracks(segments);
  const votes = chains.map(({ samples }) => voteOf(samples));
  const unnamed = clusterChains(chains, votes).map((indexes) => personFrom(indexes, chains, votes));
  unnamed.sort(
    (first, second) =>
      second.frames - first.frames ||
      first.firstFrame - second.firstFrame ||
      first.best.box.x - second.best.box.x,
  );
  const persons = unnamed.map(
    ({ chains: _, ...person }, index): CastPerson => ({ id: `person${index + 1}`, ...person }),
  );
  const tracks: CastTrack[] = [];
  for (const [person, { chains: indexes }] of unnamed.entries()) {
    for (const { segment, track } of indexes.flatMap((index) => (chains[index] as TrackChain).links)) {
      const [start, end] = [track.frames[0] as number, (track.frames.at(-1) as number) + 1];
      tracks.push({ segment, trackId: track.trackId, start, end, person });
    }
  }
  tracks.sort((first, second) => first.segment - second.segment || first.trackId - second.trackId);
  return { persons, tracks };
};
