/** The pass that computes the loss of each token of whole windows, without anything that training needs. */
import type { Operation, Target } from '../gpu/operation.ts';
import type { Tensor } from '../gpu/tensor.ts';
import { operationsOf } from './emission.ts';
import { Pass } from './pass.ts';
import { readingRun, type Weights } from './readingRun.ts';
import { buildPass } from './schedule.ts';
import type { PlannedTensor } from './tensorPlan.ts';

/** Tokens of a pass, while a window has fewer. */
const TOKENS = 512;

export interface Scoring {
  readonly planned: readonly PlannedTensor[];
  /** Windows of a pass. */
  readonly windows: number;
  readonly tokens: Tensor;
  readonly targets: Tensor;
  readonly found: Tensor;
  /** (windows * T) f32 */
  readonly losses: Tensor;
  readonly pass: Pass;
}

export function planScoring(weights: Weights): Scoring {
  const { decoder, gpt } = weights;
  const windows = Math.max(1, Math.floor(TOKENS / gpt.context));
  const run = readingRun(weights, windows, windows * gpt.context);
  const { tensorPlan, tokens, targets, found } = run;
  const pass = new Pass(run, { trains: false, windows, found });
  const { losses } = decoder.evaluate(pass);
  tensorPlan.complete();
  return { planned: tensorPlan.planned, windows, tokens, targets, found, losses, pass };
}

export function scoringOperations({ pass }: Scoring, target: Target): Operation[] {
  return operationsOf(buildPass(pass, target));
}
