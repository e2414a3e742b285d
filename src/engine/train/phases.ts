/** The phases of a run: stretches of steps with tensors and programs of their own. Most runs have one. */
import { healingSteps } from '../config/healing.ts';
import type { TrainConfig } from '../config/trainConfig.ts';
import type { Program } from '../gpu/program.ts';
import type { Schedule } from '../model/schedule.ts';
import type { RunTensors } from '../model/tensors.ts';

/** The compiled operation lists of a phase, one for each list of `Schedule`. */
export type Programs = Readonly<Record<keyof Schedule, Program>>;

export interface PlannedPhase {
  /** Steps of the run before it. */
  readonly before: number;
  readonly tensors: RunTensors;
}

export interface Phase extends PlannedPhase {
  readonly programs: Programs;
}

/** The phases of a run in their order. What is state between steps is the same in all. */
export function phasesOf(
  tensors: RunTensors,
  config: Pick<TrainConfig, 'steps' | 'heal'>,
): readonly PlannedPhase[] {
  const { healed } = tensors;
  const first = { before: 0, tensors };
  return healed ? [first, { before: config.steps - healingSteps(config), tensors: healed }] : [first];
}

/** The phase of the step that follows so many steps: what reads weights after those steps is in it too. */
export function phaseAfter<One extends PlannedPhase>(phases: readonly One[], steps: number): One {
  return phases.findLast(({ before }) => before <= steps)!;
}
