/** Formats the memory of a plan. */

const MIB = 2 ** 20;

/**
 * "12.0 MiB": one decimal, so that sums can be checked by eye; KiB and GiB where MiB would be too coarse or too long.
 */
export function exactBytes(bytes: number): string {
  if (bytes > 0 && bytes < MIB / 20) return `${(bytes / 1024).toFixed(1)} KiB`;
  return bytes < 1024 * MIB ? `${(bytes / MIB).toFixed(1)} MiB` : `${(bytes / MIB / 1024).toFixed(1)} GiB`;
}

/** Peak memory on the GPU: the largest run when runs train one after the other, the sum of all in lockstep. */
export function totalWords(totals: readonly number[], lockstep: boolean): string {
  if (totals.length === 1) return exactBytes(totals[0]!);
  if (lockstep) return `${exactBytes(totals.reduce((a, b) => a + b, 0))} together`;
  return `up to ${exactBytes(Math.max(...totals))}`;
}
