/**
 * muP (maximal update parametrisation): initial values and learning rates by width, so that those that are best at a base width
 * are best at others. Yang et al. 2022 (Tensor Programs V), table 8, and their package `mup`.
 */
import type { GptConfig } from '../config/gptConfig.ts';
import type { ParameterSpec } from './parameters.ts';

/**
 * Returns parameters with muP's initial values and learning rates; as they are without it. Matrices between channels have a
 * variance and a rate as 1 / width. What the head reads is divided by the width in the gain of the final norm, which moves as
 * slowly: the model has no further factor, whether its head is tied or not, and exports are what they compute.
 */
export function mupSpecs(
  specs: readonly ParameterSpec[],
  { width, mupBase }: Pick<GptConfig, 'width' | 'mupBase'>,
): readonly ParameterSpec[] {
  if (mupBase === null || mupBase === undefined) return specs;
  const factor = mupBase / width;
  return specs.map((spec) => {
    const { init, rowsOf, block } = spec;
    const rateFactor = spec.rateFactor * factor;
    if (rowsOf === 'inputs' && init.kind === 'normal') {
      return { ...spec, rateFactor, init: { ...init, std: init.std * Math.sqrt(factor) } };
    }
    // Outside of blocks only the final norm has vectors.
    const readsOut = block === null && rowsOf === null && init.kind === 'constant';
    return readsOut ? { ...spec, rateFactor, init: { ...init, value: init.value * factor } } : spec;
  });
}
