/** What a plan takes, in words. */

const MIB = 2 ** 20;

/** "12.0 MiB": one place, so that sums can be checked by eye; KiB and GiB where MiB would say little. */
export function exactBytes(bytes: number): string {
  if (bytes > 0 && bytes < MIB / 20) return `${(bytes / 1024).toFixed(1)} KiB`;
  return bytes < 1024 * MIB ? `${(bytes / MIB).toFixed(1)} MiB` : `${(bytes / MIB / 1024).toFixed(1)} GiB`;
}

/** What the GPU holds at a time: of runs one after the other the largest, of runs in lockstep all. */
export function totalWords(totals: readonly number[], lockstep: boolean): string {
  if (totals.length === 1) return exactBytes(totals[0]!);
  if (lockstep) return `${exactBytes(totals.reduce((a, b) => a + b, 0))} together`;
  return `up to ${exactBytes(Math.max(...totals))}`;
}
