/** The end of a step: finite check and norm, apply or skip, and AdamW over chunks or over parameters. */

import { scalingOf, type TrainConfig } from '../config/trainConfig.ts';
import { randomBits } from '../core/rng.ts';
import type { Operation, Target } from '../gpu/operation.ts';
import { slice, type TensorSlice } from '../gpu/tensor.ts';
import {
  type AdamwArgs,
  adamw,
  adamwPrepare,
  adamwStatistics,
  gradientNorm,
  NORM_PARTIALS,
  statisticsGroups,
  stepDecide,
  type WholeParameter,
} from '../kernels/optimizer.ts';
import { SCALE_CEILING, SCALE_FLOOR } from '../precision/recipes.ts';
import { paddedElements } from './chunks.ts';
import { learnedElements } from './parameters.ts';
import type { RunTensors } from './tensors.ts';

export function optimizer(target: Target, tensors: RunTensors, config: TrainConfig): Operation[] {
  const { chunks, state, found } = tensors;
  const scaling = scalingOf(config, tensors.recipe);
  return [
    ...chunks.map(({ gradient, elements }, index) =>
      gradientNorm(target, {
        gradient,
        state,
        partials: tensors.normPartials,
        found,
        elements,
        first: index * NORM_PARTIALS,
      }),
    ),
    stepDecide({
      partials: tensors.normPartials,
      schedule: tensors.schedule,
      state,
      found,
      partialCount: chunks.length * NORM_PARTIALS,
      scheduleLength: Math.max(1, config.steps),
      dynamicScale: scaling.kind === 'dynamic',
      growthInterval: scaling.kind === 'dynamic' ? scaling.growthInterval : 1,
      clip: config.clip,
      floor: SCALE_FLOOR,
      ceiling: SCALE_CEILING,
    }),
    ...(tensors.parameterStates ? byParameter(target, tensors, config) : byChunk(target, tensors, config)),
  ];
}

function byChunk(target: Target, tensors: RunTensors, config: TrainConfig): Operation[] {
  return tensors.chunks.map((chunk, index) =>
    adamw(target, {
      ...common(tensors, config, index),
      label: chunk.master.name,
      gradient: chunk.gradient,
      master: chunk.master,
      m: chunk.firstMoment,
      v: chunk.secondMoment,
      compute: chunk.compute,
      low: chunk.low,
      first: 0,
      elements: chunk.elements,
      decayedElements: chunk.decayedElements,
    }),
  );
}

/** What does not depend on whether a chunk is updated whole. */
function common(tensors: RunTensors, config: TrainConfig, chunk: number) {
  const { beta1, beta2, epsilon, weightDecay } = config;
  return {
    ...{ beta1, beta2, epsilon, weightDecay },
    moments: tensors.moments,
    groups: tensors.chunks[chunk]!.groups,
    masterRounding: tensors.recipe.storage('master').rounding ?? 'nearest',
    seed: randomBits(chunk, config.seed),
    state: tensors.state,
  } satisfies Partial<AdamwArgs>;
}

/** Of each parameter first what the update needs to know of it, then the update. */
function byParameter(target: Target, tensors: RunTensors, config: TrainConfig): Operation[] {
  const { chunks, moments, state } = tensors;
  const partials = tensors.statistics!;
  const operations: Operation[] = [];
  let partial = 0;
  for (const [index, { spec, parts }] of [...tensors.parameters.values()].entries()) {
    const whole: WholeParameter = { parameterStates: tensors.parameterStates!, index };
    const first = partial;
    const updates = parts.map((part): AdamwArgs => {
      const chunk = chunks[part.chunk]!;
      const elements = paddedElements(part);
      const { offset } = part.master;
      const padded = ({ tensor }: TensorSlice): TensorSlice => slice(tensor, offset, elements);
      return {
        ...common(tensors, config, part.chunk),
        label: spec.name,
        gradient: padded(part.gradient),
        master: padded(part.master),
        m: padded(part.firstMoment),
        v: padded(part.secondMoment),
        compute: chunk.compute && slice(chunk.compute, offset, elements),
        low: chunk.low && slice(chunk.low, offset / 2, elements / 2),
        first: offset,
        elements,
        decayedElements: spec.decays ? elements : 0,
        whole,
      };
    });
    for (const update of updates) {
      operations.push(adamwStatistics(target, { ...update, whole, partials, partial }));
      partial += statisticsGroups(update.elements);
    }
    operations.push(
      adamwPrepare({
        ...{ whole, state, partials, partial: first, count: partial - first },
        size: learnedElements(spec),
        clipUpdate: config.optimizer === 'stable-adamw',
        scaled: moments.scale === 'parameter' ? moments : undefined,
        label: spec.name,
      }),
      ...updates.map((update) => adamw(target, update)),
    );
  }
  return operations;
}
