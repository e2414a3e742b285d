/** Writes histograms of a recording as src/store/story/recordedFrames.ts reads them. */

const DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const EXPONENT_BIAS = 127;

/** The 12 bits that are nearest to a count. */
export function codeOf(count) {
  if (count < 256) return count;
  let shift = 0;
  while (Math.round(count / 2 ** shift) >= 512) shift += 1;
  return ((shift + 1) << 8) | (Math.round(count / 2 ** shift) - 256);
}

const digits = (code) => DIGITS[code >> 6] + DIGITS[code & 63];

/** @param tensor an entry of `exponents` in a line of `--numerics-every` */
export function rowText({ zeros, nonFinite, lowest, counts }) {
  const head = [codeOf(zeros), codeOf(nonFinite), lowest === null ? 1 : lowest + EXPONENT_BIAS];
  return [...head, ...counts.map(codeOf)].map(digits).join('');
}
