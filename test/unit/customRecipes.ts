/** Recipes of a program's own, for tests. */
import { type CustomRecipe, defineMode } from '../../src/engine/precision/customModes.ts';
import type { PrecisionMode } from '../../src/engine/precision/recipes.ts';
import { described } from './described.ts';

/** A recipe that differs from mode fp32 in what is given. */
export function customRecipe(name: string, given: Partial<CustomRecipe> = {}): CustomRecipe {
  return { ...described('fp32'), title: 'Own', summary: 'For a test.', ...given, id: `custom-${name}` };
}

/**
 * Together they have every role in most of the formats that it takes, each beside other neighbours than in any mode of the table.
 */
export const MIXTURES: readonly CustomRecipe[] = [
  customRecipe('mixture-1', {
    roles: {
      ...{
        activation: 'f16',
        weight: 'bf16',
        outputGradient: 'f32',
        attention: 'tf32',
        preActivation: 'bf16',
      },
      ...{ residual: 'bf16', residualGradient: 'f32', gradient: 'bf16' },
      ...{ master: 'f32', firstMoment: 'f16', secondMoment: 'bf16' },
    },
  }),
  customRecipe('mixture-2', {
    roles: {
      ...{ activation: 'e8m5-rz', weight: 'e5m7-rne', outputGradient: 'bf16', attention: 'f16' },
      ...{ preActivation: 'f32', residual: 'f32', residualGradient: 'bf16', gradient: 'f32' },
      ...{ master: 'f32', firstMoment: 'bf16', secondMoment: 'f32' },
    },
  }),
  customRecipe('mixture-3', {
    roles: {
      ...{
        activation: 'tf32',
        weight: 'bf16',
        outputGradient: 'f16',
        attention: 'bf16',
        preActivation: 'f16',
      },
      ...{ residual: 'f16', residualGradient: 'f32', gradient: 'f16' },
      ...{ master: 'bf16', firstMoment: 'f32', secondMoment: 'f16' },
    },
    scaling: { kind: 'static', scale: 2 ** 10 },
  }),
];

export function customMode(recipe: CustomRecipe): PrecisionMode {
  return defineMode(recipe);
}
