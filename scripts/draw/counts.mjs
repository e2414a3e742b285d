/** Reads from the recorded run how many activation gradients have which exponent. */

const DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const EXPONENT_BIAS = 127;

/** The count that a code of 12 bits stands for (scripts/recorded-frames.mjs). */
function countOf(code) {
  const shift = code >> 8;
  return shift === 0 ? code : ((code & 255) + 256) * 2 ** (shift - 1);
}

/**
 * The last frame of the FP32 run, in which nothing is lost.
 * @param recording the content of public/recorded-run.json
 */
export function activationGradients({ date, preset, tensors, runs }) {
  const run = runs.find(({ summary }) => summary.precision === 'fp32');
  const { step, scaleLog2, rows } = run.numerics.frames.at(-1);
  const byExponent = new Map();
  for (const [i, row] of rows.split(',').entries()) {
    if (tensors[i][1] !== 'activationGradient' || row === '') continue;
    const codes = row.match(/../g).map((two) => DIGITS.indexOf(two[0]) * 64 + DIGITS.indexOf(two[1]));
    const [, , lowest, ...counts] = codes;
    for (const [j, code] of counts.entries()) {
      const exponent = lowest - EXPONENT_BIAS + j - scaleLog2;
      byExponent.set(exponent, (byExponent.get(exponent) ?? 0) + countOf(code));
    }
  }
  const lowest = Math.min(...byExponent.keys());
  const length = Math.max(...byExponent.keys()) - lowest + 1;
  return {
    from: `public/recorded-run.json of ${date}: preset ${preset}, FP32, activation gradients of step ${step}, nonzero values by exponent from 2^lowest`,
    lowest,
    counts: Array.from({ length }, (_, i) => byExponent.get(lowest + i) ?? 0),
    scale: 16,
  };
}
