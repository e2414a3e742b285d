/** The operations that end a step: finite check and gradient norm, the decision to apply or skip, and all parameter updates. */

import { scalingOf, type TrainConfig } from '../config/trainConfig.ts';
import { randomBits } from '../core/rng.ts';
import type { Operation, Target } from '../gpu/operation.ts';
import { MODEL_KERNELS } from '../kernels/modelKernels.ts';
import { gradientNorm, normPartials, stepDecide } from '../kernels/optimizer.ts';
import type { Hyperparameters } from '../kernels/optimizers/rule.ts';
import { SCALE_CEILING, SCALE_FLOOR } from '../precision/recipes.ts';
import { followWeights } from './average.ts';
import type { RunTensors } from './tensors.ts';
import { placedUpdate } from './updates.ts';

export function optimizer(target: Target, tensors: RunTensors, config: TrainConfig): Operation[] {
  const { chunks, gradients, state, found, normPartials: partials, updates, scratch, recipe } = tensors;
  const scaling = scalingOf(config, recipe);
  const { rounding: masterRounding = 'nearest' } = recipe.storage('master');
  const settings = { ...hyperparametersOf(config), masterRounding, state, found };
  const seedOf = (chunk: number) => randomBits(chunk, config.seed);
  let partialCount = 0;
  const norms = gradients.map((gradient) => {
    const { elements } = gradient;
    const first = partialCount;
    partialCount += normPartials(elements, target);
    return gradientNorm(target, { gradient, state, partials, found, elements, first });
  });
  return [
    ...norms,
    stepDecide({
      ...{ partials, state, found },
      schedule: tensors.schedule,
      partialCount,
      scheduleLength: Math.max(1, config.steps),
      dynamicScale: scaling.kind === 'dynamic',
      growthInterval: scaling.kind === 'dynamic' ? scaling.growthInterval : 1,
      clip: config.clip,
      floor: SCALE_FLOOR,
      ceiling: SCALE_CEILING,
    }),
    ...updates.flatMap((update) => {
      const { optimizer, decayFactor, ...ofRule } = update.rule;
      const weightDecay = config.weightDecay * decayFactor;
      const placed = placedUpdate(update, chunks, scratch, seedOf);
      return optimizer.update(target, placed, { ...settings, ...ofRule, weightDecay }, MODEL_KERNELS);
    }),
    ...followWeights(target, tensors, config.emaDecay),
  ];
}

function hyperparametersOf(config: TrainConfig): Hyperparameters {
  const { beta1, beta2, epsilon, weightDecay, muonMomentum, muonCoefficients, muonScale } = config;
  return { beta1, beta2, epsilon, weightDecay, muonMomentum, muonCoefficients, muonScale };
}
