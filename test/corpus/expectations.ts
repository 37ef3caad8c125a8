/** A failure that is the right answer to a file. */
export type DocumentedError = { readonly exitCode: number; readonly says: RegExp };

const noFace: DocumentedError = { exitCode: 5, says: /No face/ };

/** Files of the shared media that cannot be rendered, and what must be said of them. */
export const documentedErrors: Readonly<Record<string, DocumentedError>> = {
  'audio_only.mp4': { exitCode: 3, says: /no video stream/ },
  'zero_byte.mp4': { exitCode: 3, says: /empty/ },
  'zero_byte.jpg': { exitCode: 3, says: /empty/ },
  'jpeg_renamed.mp4': { exitCode: 3, says: /content is an image/ },
  'mp4_renamed.jpg': { exitCode: 3, says: /content is a video/ },
  'text_renamed.png': { exitCode: 3, says: /neither a video nor an image/ },
  'truncated_no_moov.mp4': { exitCode: 3, says: /index \(moov\) is missing/ },
  'truncated_faststart_60pct.mp4': { exitCode: 3, says: /cut off or damaged/ },
  'corrupt_middle.mp4': { exitCode: 3, says: /missing or damaged/ },
  'truncated_photo.jpg': { exitCode: 3, says: /damaged or cut off/ },
  'resolution_change_midstream.ts': {
    exitCode: 3,
    says: /picture size changes|Two frames have the same timestamp/,
  },
  'photo_1x1.png': noFace,
  'photo_blurred_face.jpg': noFace,
  'mjpeg_pcm.mov': noFace,
  'noface_cars_audio.mp4': noFace,
  'noface_hands_bottles.mp4': noFace,
  'noface_nasa_dim_multitrack.mp4': noFace,
  'noface_person_from_behind.mp4': noFace,
};

/** Options that a file needs. */
export const extraArguments: Readonly<Record<string, readonly string[]>> = {
  'interlaced_tff_576i.mp4': ['--deinterlace', 'bwdif'],
};
