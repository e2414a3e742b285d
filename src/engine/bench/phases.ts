/** The operations of a step by phase. */
import type { TrainConfig } from '../config/trainConfig.ts';
import type { Operation, Target } from '../gpu/operation.ts';
import { PHASES as MODEL_PHASES, operationsOf } from '../model/emission.ts';
import { buildPass, buildSchedule } from '../model/schedule.ts';
import type { RunTensors } from '../model/tensors.ts';

export const PHASES = [...MODEL_PHASES, 'optimizer', 'other'] as const;
export type Phase = (typeof PHASES)[number];

/** Those of one micro-batch and one update. */
export type PhaseLists = Readonly<Record<Phase, readonly Operation[]>>;

export function phaseLists(target: Target, tensors: RunTensors, config: TrainConfig): PhaseLists {
  const { begin, optimizer } = buildSchedule(target, tensors, config);
  const microBatch = buildPass(tensors.training, target);
  const [forward, lmHead, backward] = MODEL_PHASES.map((phase) =>
    operationsOf(microBatch.filter((emitted) => emitted.phase === phase)),
  );
  return { forward: forward!, lmHead: lmHead!, backward: backward!, optimizer, other: begin };
}
