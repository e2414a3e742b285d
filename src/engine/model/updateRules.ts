/** Gives each parameter its rule: the one place where a run's optimizer becomes the rules of groups of parameters. */
import type { TrainConfig } from '../config/trainConfig.ts';
import { muonRate } from '../kernels/optimizers/muonChoices.ts';
import { rulesOf } from '../kernels/optimizers/rules.ts';
import { momentsOf } from '../precision/optimStates.ts';
import type { Recipe } from '../precision/recipes.ts';
import type { UpdateRule } from './chunks.ts';
import type { ParameterSpec } from './parameters.ts';

export type RuleSettings = Pick<
  TrainConfig,
  'optimizer' | 'optimState' | 'learningRate' | 'muonLearningRate' | 'muonScale' | 'updateRms' | 'skip'
>;

/** Whether it is a matrix of a linear layer in a block, or several of them side by side. */
export function isBlockMatrix({ block, rowsOf }: Pick<ParameterSpec, 'block' | 'rowsOf'>): boolean {
  return block !== null && rowsOf === 'inputs';
}

/**
 * How parameters are updated. Parameters of one group have the same object.
 * @throws EngineError BAD_VALUE if the optimizer or the mode cannot store states in this form
 */
export function updateRules(config: RuleSettings, recipe: Recipe): (spec: ParameterSpec) => UpdateRule {
  const { optimizer, optimState, learningRate, muonLearningRate, muonScale } = config;
  const { rule, ofBlockMatrices } = rulesOf(optimizer, optimState);
  const moments = momentsOf(recipe, optimState);
  const apart = config.updateRms || config.skip === 'tensor';
  const others = byFactor({ optimizer: rule, moments, rateFactor: 1, decayFactor: 1, apart });
  if (!ofBlockMatrices) return ({ rateFactor }) => others(rateFactor);
  const rate = muonRate(muonLearningRate, muonScale, learningRate);
  const matrices = byFactor({
    ...{ optimizer: ofBlockMatrices, moments, apart },
    rateFactor: learningRate === 0 ? 0 : rate / learningRate,
    decayFactor: 1,
  });
  // A spectral step is as long at any width.
  const ofMatrix = (factor: number) => matrices(muonScale === 'spectral' ? 1 : factor);
  return (spec) => (isBlockMatrix(spec) ? ofMatrix(spec.rateFactor) : others(spec.rateFactor));
}

/**
 * Returns `rule` with another learning rate: one object for each factor. Weights decay as fast as with the rate of `rule`, as
 * in the package `mup`.
 */
function byFactor(rule: UpdateRule): (factor: number) => UpdateRule {
  const rules = new Map([[1, rule]]);
  return (factor) => {
    const known = rules.get(factor);
    if (known) return known;
    const { rateFactor, decayFactor } = rule;
    const made = { ...rule, rateFactor: rateFactor * factor, decayFactor: decayFactor / factor };
    rules.set(factor, made);
    return made;
  };
}
