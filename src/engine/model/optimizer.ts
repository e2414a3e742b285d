/** The operations that end a step: finite check and gradient norm, the decision to apply or skip, and all parameter updates. */

import { scalingOf, type TrainConfig } from '../config/trainConfig.ts';
import { randomBits } from '../core/rng.ts';
import type { Operation, Target } from '../gpu/operation.ts';
import { fixedRange } from '../kernels/fixedMaster.ts';
import { fixedSquares } from '../kernels/fixedSums.ts';
import { MODEL_KERNELS } from '../kernels/modelKernels.ts';
import { gradientNorm, normPartials, stepDecide } from '../kernels/optimizer.ts';
import type { Hyperparameters } from '../kernels/optimizers/rule.ts';
import { SCALE_CEILING, SCALE_FLOOR } from '../precision/recipes.ts';
import { followWeights } from './keptWeights.ts';
import { stageOperations } from './levels.ts';
import { decideTensors, stateOfTensor, tensorNorms } from './tensorSteps.ts';
import type { RunTensors } from './tensors.ts';
import { placedUpdate } from './updates.ts';

export function optimizer(target: Target, tensors: RunTensors, config: TrainConfig): Operation[] {
  const { chunks, state, found, normPartials: partials, updates, scratch, recipe, momentsFull } = tensors;
  const { tensorSteps, schedule } = tensors;
  const scaling = scalingOf(config, recipe);
  const { rounding: masterRounding = 'nearest' } = recipe.storage('master');
  const compound = momentsFull !== null;
  const settings = { ...hyperparametersOf(config), masterRounding, compound, state, found };
  const seedOf = (chunk: number) => randomBits(chunk, config.seed);
  const zeroMask = config.overflow === 'zero';
  let partialCount = 0;
  const growthInterval = scaling.kind === 'dynamic' ? scaling.growthInterval : 1;
  const normsOfChunks = () =>
    chunks.flatMap(({ gradient, states, rule, elements }) => {
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
        ...{ gradient, state, partials, found, elements, first, zeroMask },
        compound: checked ?? undefined,
      });
    });
  const norms = tensorSteps
    ? tensorNorms(target, tensorSteps, updates, chunks, { state, partials, found })
    : normsOfChunks();
  const scheduleLength = Math.max(1, config.steps);
  const trained = chunks.flatMap(({ gradient, rule, elements }) =>
    gradient && rule ? [{ gradient, elements }] : [],
  );
  const inIntegers = config.sums === 'fx64' ? fixedSquares(target, trained, { state, partials }) : null;
  return [
    ...norms,
    ...(inIntegers ?? []),
    stepDecide({
      ...{ state, found, schedule, scheduleLength },
      partials: tensorSteps?.squares ?? partials,
      partialCount: inIntegers ? 1 : (tensorSteps?.names.length ?? partialCount),
      perTensor: tensorSteps !== null,
      zeroMask,
      dynamicScale: scaling.kind === 'dynamic',
      growthInterval,
      clip: config.clip,
      floor: SCALE_FLOOR,
      ceiling: SCALE_CEILING,
      momentsFull: momentsFull ?? undefined,
    }),
    ...stageOperations(tensors, config),
    ...(tensorSteps ? [decideTensors(tensorSteps, { state, schedule, scheduleLength })] : []),
    ...updates.flatMap((update, index) => {
      const { optimizer, decayFactor, ...ofRule } = update.rule;
      const weightDecay = config.weightDecay * decayFactor;
      const placed = placedUpdate(update, chunks, scratch, seedOf);
      const own = tensorSteps && { state: stateOfTensor(tensorSteps, index) };
      const all = { ...settings, ...ofRule, weightDecay, ...own };
      return optimizer.update(target, placed, all, MODEL_KERNELS);
    }),
    ...chunks.flatMap(({ fixed, elements }) => (fixed ? [fixedRange(target, { fixed, elements })] : [])),
    ...followWeights(target, tensors, config.emaDecay),
  ];
}

function hyperparametersOf(config: TrainConfig): Hyperparameters {
  const { beta1, beta2, epsilon, weightDecay, muonMomentum, muonCoefficients, muonScale } = config;
  return { beta1, beta2, epsilon, weightDecay, muonMomentum, muonCoefficients, muonScale };
}
