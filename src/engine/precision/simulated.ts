/**
 * Simulated formats: X exponent and Y mantissa bits, held in 32-bit floats. Modes `e<X>m<Y>` give one to the operands of
 * every matmul, forward and backward, as arXiv 2405.18710 does. Format (formats.ts) and recipe (recipes.ts) are computed from
 * the name.
 */

/** Toward zero, as the paper cuts bits, or to nearest, ties to even. */
export const ROUNDINGS = ['rz', 'rne'] as const;
export type Rounding = (typeof ROUNDINGS)[number];
export const DEFAULT_ROUNDING: Rounding = 'rz';

export type SimulatedMode = `e${number}m${number}`;
export type SimulatedFormat = `${SimulatedMode}-${Rounding}`;

/** What the names of modes allow. */
export const SIMULATED_BITS = { exponent: { low: 2, high: 8 }, mantissa: { low: 1, high: 10 } } as const;

/** How messages name them. */
export const SIMULATED_EXAMPLE = 'e<X>m<Y>, as e8m7';

export interface SimulatedBits {
  readonly exponentBits: number;
  readonly mantissaBits: number;
}

export function simulatedMode({ exponentBits, mantissaBits }: SimulatedBits): SimulatedMode {
  return `e${exponentBits}m${mantissaBits}`;
}

/** The bits that a mode's name asks for; null for what is no such name, `e9m2` and `e08m2` among them. */
export function simulatedBits(mode: string): SimulatedBits | null {
  const match = /^e([2-8])m([1-9]|10)$/.exec(mode);
  return match && { exponentBits: Number(match[1]), mantissaBits: Number(match[2]) };
}

export function isSimulatedMode(mode: string): mode is SimulatedMode {
  return simulatedBits(mode) !== null;
}

/** What to write for a name that has the form of a simulated mode and is none; null for other names. */
export function simulatedHint(name: string): string | null {
  const match = /^e(\d+)m(\d+)$/i.exec(name);
  if (!match) return null;
  const { exponent, mantissa } = SIMULATED_BITS;
  const near = ({ low, high }: { low: number; high: number }, bits: string | undefined) =>
    Math.min(high, Math.max(low, Number(bits)));
  const nearest = simulatedMode({
    exponentBits: near(exponent, match[1]),
    mantissaBits: near(mantissa, match[2]),
  });
  return `Simulated modes are e<X>m<Y> with X from ${exponent.low} to ${exponent.high} and Y from ${mantissa.low} to ${mantissa.high}: the nearest is "${nearest}".`;
}

export function isSimulatedFormat(format: string): format is SimulatedFormat {
  const [mode, rounding, ...rest] = format.split('-');
  return (
    rest.length === 0 && isSimulatedMode(mode ?? '') && ROUNDINGS.some((possible) => possible === rounding)
  );
}
