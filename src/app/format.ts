/** Formats numbers, always in the same language, so that people can compare screenshots. */
import { formatCount } from '../engine/index.ts';

export {
  formatCount,
  formatLoss,
  formatMiB,
  formatPercent,
  formatPowerOfTwo,
  formatTokensPerSecond,
} from '../engine/index.ts';

const short = new Intl.NumberFormat('en-US', { notation: 'compact', maximumSignificantDigits: 3 });

/** "12K", "1.5M", for axes. */
export function formatCompact(value: number): string {
  return short.format(value);
}

/** "1 layer", "12 layers". */
export function formatCounted(count: number, noun: string): string {
  return `${formatCount(count)} ${noun}${count === 1 ? '' : 's'}`;
}

/** Sizes of texts are given as file managers give them: in millions of bytes. */
export function formatMegabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(1);
}

/** "40 s", "3 min", "2 h 10 min": as precise as an estimate can be. */
export function formatDuration(seconds: number): string {
  if (seconds < 10) return `${Math.max(1, Math.round(seconds))} s`;
  if (seconds < 60) return `${Math.round(seconds / 5) * 5} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** "3 min ago", or the date when it is long ago. @param time milliseconds since 1970 */
export function formatAgo(time: number): string {
  const seconds = (Date.now() - time) / 1000;
  if (seconds > 24 * 3600) return `on ${new Date(time).toLocaleDateString('en-US', { dateStyle: 'medium' })}`;
  return `${formatDuration(Math.max(0, seconds))} ago`;
}

export function formatTimeLeft(range: readonly [number, number] | null): string {
  if (!range) return 'estimating the time left';
  const [low, high] = [formatDuration(range[0]), formatDuration(range[1])];
  return low === high ? `about ${low} left` : `${low} to ${high} left`;
}
