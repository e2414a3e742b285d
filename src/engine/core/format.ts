/**
 * Number formats shared by the page, the experiment tables and their exports. The locale is fixed so that figures from
 * different machines can be compared.
 */
const whole = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });

export function formatCount(value: number): string {
  return whole.format(value);
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

/** Formats 16 as 2¹⁶. */
export function formatPowerOfTwo(exponent: number): string {
  const digits = [...String(Math.abs(exponent))].map((digit) => SUPERSCRIPTS[Number(digit)] ?? digit);
  return `2${exponent < 0 ? '⁻' : ''}${digits.join('')}`;
}

export function formatTokensPerSecond(value: number): string {
  return value < 100 ? value.toFixed(1) : formatCount(value);
}
