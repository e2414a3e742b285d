/** The root mean square of an update (arXiv 2304.13013), in f64. */
import type { Values } from './store.ts';

/**
 * sqrt(mean(g^2 / max(vhat, epsilon^2))) with the bias-corrected second moment.
 * @param v second moment after the step @param step number of applied steps, from 1 @param size values that the mean is over
 */
export function updateRms(
  gradient: Values,
  v: Values,
  { beta2, epsilon, step }: { readonly beta2: number; readonly epsilon: number; readonly step: number },
  size = gradient.length,
): number {
  const correction = 1 - beta2 ** step;
  let sum = 0;
  for (let i = 0; i < size; i++) sum += gradient[i]! ** 2 / Math.max(v[i]! / correction, epsilon ** 2);
  return Math.sqrt(sum / size);
}
