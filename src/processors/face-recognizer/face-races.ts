/** What a face reads as to a classifier, in the words of `--face-selector-race`. */
export const faceRaces = ['white', 'black', 'latino', 'asian', 'indian', 'arabic'] as const;

export type FaceRace = (typeof faceRaces)[number];
