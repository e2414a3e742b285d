/** Numbers as the page writes them: one language, so that people can compare screenshots. */
const whole = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });

export function formatCount(value: number): string {
  return whole.format(value);
}

const short = new Intl.NumberFormat('en-US', { notation: 'compact', maximumSignificantDigits: 3 });

/** 12K, 1.5M: for axes. */
export function formatCompact(value: number): string {
  return short.format(value);
}

export function formatLoss(value: number | null): string {
  return value === null ? 'not finite' : value.toFixed(3);
}

export function formatMiB(bytes: number): string {
  const mib = bytes / 2 ** 20;
  return `${mib < 10 ? mib.toFixed(1) : whole.format(mib)} MiB`;
}

export function formatPercent(share: number): string {
  const percent = share * 100;
  if (percent === 0) return '0 %';
  if (percent < 0.01) return 'under 0.01 %';
  return `${percent < 1 ? percent.toFixed(2) : percent.toFixed(1)} %`;
}

const SUPERSCRIPTS = '⁰¹²³⁴⁵⁶⁷⁸⁹';

/** 2¹⁶ for 16. */
export function formatPowerOfTwo(exponent: number): string {
  const digits = [...String(Math.abs(exponent))].map((digit) => SUPERSCRIPTS[Number(digit)] ?? digit);
  return `2${exponent < 0 ? '⁻' : ''}${digits.join('')}`;
}

export function formatTokensPerSecond(value: number): string {
  return value < 100 ? value.toFixed(1) : formatCount(value);
}

/** "40 s", "3 min", "2 h 10 min": as exact as an estimate deserves. */
export function formatDuration(seconds: number): string {
  if (seconds < 10) return `${Math.max(1, Math.round(seconds))} s`;
  if (seconds < 60) return `${Math.round(seconds / 5) * 5} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

export function formatTimeLeft(range: readonly [number, number] | null): string {
  if (!range) return 'estimating the time left';
  const [low, high] = [formatDuration(range[0]), formatDuration(range[1])];
  return low === high ? `about ${low} left` : `${low} to ${high} left`;
}
