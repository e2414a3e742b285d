/** Numbers as people read them. */

/** `4.1234`; a loss that is not finite has no digits. */
export function formatLoss(loss: number | null): string {
  return loss === null ? 'not finite' : loss.toFixed(4);
}

/** `1,234`, rounded. */
export function formatCount(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

/** Bytes as `61.2 MiB`. */
export function formatBytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}

/** A power of two as `2^16`. */
export function formatScale(scale: number): string {
  const exponent = Math.log2(scale);
  return Number.isInteger(exponent) ? `2^${exponent}` : String(scale);
}

/** Seconds as `45 s`, `4 min 10 s` or `2 h 5 min`. */
export function formatDuration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes} min ${whole % 60} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
