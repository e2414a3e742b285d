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
  const { chunks, state, found, normPartials: partials, updates, scratch, recipe, momentsFull } = tensors;
  const scaling = scalingOf(config, recipe);
  const { rounding: masterRounding = 'nearest' } = recipe.storage('master');
  const compound = momentsFull !== null;
  const settings = { ...hyperparametersOf(config), masterRounding, compound, state, found };
  const seedOf = (chunk: number) => randomBits(chunk, config.seed);
  let partialCount = 0;
  const growthInterval = scaling.kind === 'dynamic' ? scaling.growthInterval : 1;
  const norms = chunks.flatMap(({ gradient, states, rule, elements }) => {
    if (!gradient || !rule) return [];
    const first = partialCount;
    partialCount += normPartials(elements, target);
    const { moments } = rule;
    const { m, v } = states;
    const { beta1, beta2 } = config;
    const checked = momentsFull && {
      ...{ m: m!, v: v!, moments, momentsFull },
      growthInterval,
      beta1,
      beta2,
    };
    return gradientNorm(target, {
      ...{ gradient, state, partials, found, elements, first },
      compound: checked ?? undefined,
    });
  });
  return [
    ...norms,
    stepDecide({
      ...{ partials, state, found },
      schedule: tensors.schedule,
      partialCount,
      scheduleLength: Math.max(1, config.steps),
      dynamicScale: scaling.kind === 'dynamic',
      growthInterval,
      clip: config.clip,
      floor: SCALE_FLOOR,
      ceiling: SCALE_CEILING,
      momentsFull: momentsFull ?? undefined,
    }),
    ...updates.flatMap((update) => {
      const { optimizer, ...ofRule } = update.rule;
      const placed = placedUpdate(update, chunks, scratch, seedOf);
      return optimizer.update(target, placed, { ...settings, ...ofRule }, MODEL_KERNELS);
    }),
    ...followWeights(target, tensors, config.emaDecay),
  ];
}

function hyperparametersOf(config: TrainConfig): Hyperparameters {
  const { beta1, beta2, epsilon, weightDecay, muonMomentum, muonCoefficients, muonScale } = config;
  return { beta1, beta2, epsilon, weightDecay, muonMomentum, muonCoefficients, muonScale };
}
