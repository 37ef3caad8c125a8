/** What identical pictures score, in dB: PSNR has no upper end, and an average needs a number. */
export const psnrCeilingDb = 100;
