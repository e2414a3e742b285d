/**
 * How far two computations of one model may be apart that round at the same points and sum in different orders.
 *
 * Where the bound comes from. Both sides round the same tensor x to the same format, but their x differ: by E |x| from
 * f32 sums, E = sqrt(K) 2^-23 for sums of K products (of a model of width C on R rows max(4 C, R) is the longest), and by what earlier stores left. Say
 * they differ by d |x| in the 2-norm. Two neighbouring values of the format are ulp(x) apart, so of values that differ by t
 * ulp a share t is rounded to different neighbours: after the store the squared difference is t ulp^2 instead of t^2
 * ulp^2, which is more by t (1 - t) ulp^2, at most ulp^2 / 4. Summed over the tensor (Cauchy-Schwarz) a store makes of d
 *
 *   d^2 + E^2 + min(U d, U^2 / 4),  U = |ulp(x)| / |x|, 7e-4 in f16 and TF32, 6e-3 in bf16.
 *
 * So the first store turns E into sqrt(U E), and after a few stores the two sides round independently; then every further
 * store adds U^2 / 4. `ulp` is taken from the values that the reference stored (in f16 it ends at 2^-24). A format that
 * flushes has one more boundary, at 2^-14, where a flip is 2^-14; how densely values lie there is read off the binade above.
 * Between stores are matrix products and norms, which leave a relative difference as it is unless it is
 * correlated with their operands. The bound goes through all stores of the model in turn, as if they were one chain.
 * Weights are rounded from equal masters and never flip. Gradients in f16 (fp16-pure) are stored once more for each chunk of
 * the LM head and for the embedding, where the reference rounds once: half an ulp each.
 */
import { type FormatId, formatInfo, normalExponent } from '../../../src/engine/precision/formats.ts';

/**
 * What a store makes of two versions of `values`, now stored, that differed by `d` in the 2-norm, relative; squared.
 * @param longestSum products of the longest f32 sum, K above
 * @param steps ulp(x), where scales make it another than the format's
 */
export function afterStore(
  d: number,
  values: Float64Array,
  format: FormatId,
  longestSum: number,
  steps?: Float64Array,
): number {
  const info = formatInfo(format);
  const { mantissaBits, flushSubnormals } = info;
  const before = d * d + longestSum * 2 ** -46;
  const norm = Math.sqrt(values.reduce((sum, x) => sum + x * x, 0));
  if (format === 'f32' || norm === 0) return before;
  const smallest = 2 ** normalExponent(info);
  let ulps = 0;
  let lowest = 0;
  for (const [i, value] of values.entries()) {
    const magnitude = Math.max(smallest, Math.abs(value));
    ulps += (steps?.[i] ?? 2 ** -mantissaBits * 2 ** Math.floor(Math.log2(magnitude))) ** 2;
    if (value !== 0 && magnitude < 2 * smallest) lowest++;
  }
  const U = Math.sqrt(ulps) / norm;
  const flips = Math.min(U * Math.sqrt(before), U ** 2 / 4);
  // `lowest` values in a binade as wide as its start: lowest / smallest of them in a unit, times the mean difference.
  const flushes = flushSubnormals ? (lowest * smallest * Math.sqrt(before / values.length)) / norm : 0;
  return before + flips + flushes;
}
