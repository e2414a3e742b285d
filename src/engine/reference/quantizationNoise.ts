import { type FormatId, formatInfo } from '../precision/formats.ts';
import { f32Bits, roundTo } from './rounding.ts';

/**
 * What storing f32 values in `format` at `scale` does to them, in f64: the oracle for shaders/quantization_noise.wgsl. Energies are sums of squares;
 * shares are of the values that are not zero, and null where all are. All values are finite.
 */
export function quantizationNoise(
  values: ArrayLike<number>,
  format: FormatId,
  scale: number,
): {
  signal: number;
  noise: number;
  saturated: number | null;
  underflow: number | null;
  amax: number;
  kurtosis: number;
} {
  const { overflowBits } = formatInfo(format);
  const sum = { signal: 0, noise: 0, saturated: 0, underflow: 0, amax: 0 };
  let nonZero = 0;
  let fourth = 0;
  for (let i = 0; i < values.length; i++) {
    const x = values[i]!;
    const scaled = Math.fround(x * scale);
    const stored = roundTo(format, scaled) / scale;
    sum.signal += x * x;
    fourth += x ** 4;
    sum.noise += (x - stored) ** 2;
    sum.amax = Math.max(sum.amax, Math.abs(x));
    if (x === 0) continue;
    nonZero += 1;
    if ((f32Bits(scaled) & 0x7fffffff) >= overflowBits) sum.saturated += 1;
    if (stored === 0) sum.underflow += 1;
  }
  const share = (count: number) => (nonZero > 0 ? count / nonZero : null);
  const kurtosis = (values.length * fourth) / sum.signal ** 2;
  return { ...sum, kurtosis, saturated: share(sum.saturated), underflow: share(sum.underflow) };
}
