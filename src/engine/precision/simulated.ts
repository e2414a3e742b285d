/**
 * Simulated formats with X exponent and Y mantissa bits, stored in 32-bit floats. A mode `e<X>m<Y>` uses one for the operands
 * of every matmul, forward and backward, as in arXiv 2405.18710. Its format (formats.ts) and recipe (recipes.ts) are computed
 * from its name.
 */

/** `rz` rounds toward zero, as the paper does; `rne` rounds to nearest, ties to even. */
export const ROUNDINGS = ['rz', 'rne'] as const;
export type Rounding = (typeof ROUNDINGS)[number];
export const DEFAULT_ROUNDING: Rounding = 'rz';

export type SimulatedMode = `e${number}m${number}`;
export type SimulatedFormat = `${SimulatedMode}-${Rounding}`;

/** Allowed numbers of bits in the names of modes. */
export const SIMULATED_BITS = { exponent: { low: 2, high: 8 }, mantissa: { low: 1, high: 10 } } as const;

/** The form of their names, for messages. */
export const SIMULATED_EXAMPLE = 'e<X>m<Y>, such as e8m7';

export interface SimulatedBits {
  readonly exponentBits: number;
  readonly mantissaBits: number;
}

export function simulatedMode({ exponentBits, mantissaBits }: SimulatedBits): SimulatedMode {
  return `e${exponentBits}m${mantissaBits}`;
}

/** The bits that a mode's name asks for; null if it is not such a name, for example `e9m2` or `e08m2`. */
export function simulatedBits(mode: string): SimulatedBits | null {
  const match = /^e([2-8])m([1-9]|10)$/.exec(mode);
  return match && { exponentBits: Number(match[1]), mantissaBits: Number(match[2]) };
}

export function isSimulatedMode(mode: string): mode is SimulatedMode {
  return simulatedBits(mode) !== null;
}

/** A hint for a name that has the form of a simulated mode but invalid bits; null for other names. */
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
