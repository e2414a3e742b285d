/** Formats and parses numbers for the terminal. */
import { EngineError } from '../engine/index.ts';

/** Formats a loss as `4.1234`, or as `not finite`. */
export function formatLoss(loss: number | null): string {
  return loss === null ? 'not finite' : loss.toFixed(4);
}

/** Rounds a number and formats it as `1,234`. */
export function formatCount(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

/** Formats bytes as `61.2 MiB`. */
export function formatBytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}

/** Formats a power of two as `2^16`. */
export function formatScale(scale: number): string {
  const exponent = Math.log2(scale);
  return Number.isInteger(exponent) ? `2^${exponent}` : String(scale);
}

/** Formats seconds as `45 s`, `4 min 10 s` or `2 h 5 min`. */
export function formatDuration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes} min ${whole % 60} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

const UNITS: Readonly<Record<string, number>> = {
  '': 1,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
};

/**
 * Parses `24GiB`, `512 MiB` or a plain number of bytes. A plain number below 1 MiB is refused, because it was probably
 * meant in another unit.
 * @throws EngineError BAD_VALUE naming the option
 */
export function parseBytes(option: string, text: string): number {
  const [, digits, unit] = /^(\d+(?:\.\d+)?) ?([KMG]i?B|)$/.exec(text) ?? [];
  const bytes = Number(digits) * (UNITS[unit ?? ''] ?? Number.NaN);
  if (bytes > 0 && (unit !== '' || bytes >= 2 ** 20)) return bytes;
  throw new EngineError('BAD_VALUE', `--${option} is "${text}".`, 'Write a size such as 24GiB or 512MiB.');
}

export function gigaflops(flopsPerSec: number): string {
  return `${(flopsPerSec / 1e9).toFixed(1)} GFLOP/s`;
}

export function gigabytes(bytesPerSec: number): string {
  return `${(bytesPerSec / 1e9).toFixed(1)} GB/s`;
}

/** @param share 1 is formatted as 100.0 % */
export function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}

/** @param share of the measured peak; null when the peak could not be measured or came out too low */
export function peakShare(share: number | null): string {
  return share === null ? 'peak unknown' : percent(share);
}
