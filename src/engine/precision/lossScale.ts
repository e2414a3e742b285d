import { EngineError } from '../core/errors.ts';

/**
 * Checks and returns a loss scale.
 * @throws EngineError BAD_VALUE when it is not a power of two within f32's normal range
 */
export function checkLossScale(scale: number): number {
  const exponent = Math.log2(scale);
  if (!(scale > 0) || !Number.isInteger(exponent) || exponent < 0 || exponent > 126) {
    const near =
      scale > 0 && Number.isFinite(scale) ? 2 ** Math.min(126, Math.max(0, Math.round(exponent))) : 65536;
    throw new EngineError(
      'BAD_VALUE',
      `Loss scale ${scale} is not a power of two between 1 and 2^126.`,
      `A power of two scales without rounding. Try ${near}.`,
    );
  }
  return scale;
}
