import { EngineError } from '../core/errors.ts';

/**
 * Checks and returns a loss scale.
 * @param name what the message calls it: an option, or a field of a recipe
 * @throws EngineError BAD_VALUE when it is not a power of two within f32's normal range
 */
export function checkLossScale(scale: number, name: string): number {
  const exponent = Math.log2(scale);
  if (!(scale > 0) || !Number.isInteger(exponent) || exponent < 0 || exponent > 126) {
    const near =
      scale > 0 && Number.isFinite(scale) ? 2 ** Math.min(126, Math.max(0, Math.round(exponent))) : 65536;
    throw new EngineError(
      'BAD_VALUE',
      `${name} is ${scale}, which is not a power of two from 1 to 2^126.`,
      `A power of two scales without rounding. Try ${near}.`,
    );
  }
  return scale;
}
