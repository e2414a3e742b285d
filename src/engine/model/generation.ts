/** The passes that continue a window token by token, with a cache of its keys and values. */
import type { Operation, Target } from '../gpu/operation.ts';
import type { Tensor } from '../gpu/tensor.ts';
import { operationsOf } from './emission.ts';
import { Pass } from './pass.ts';
import type { Continuation } from './passOptions.ts';
import { readingRun, type Weights } from './readingRun.ts';
import { buildPass } from './schedule.ts';
import type { PlannedTensor } from './tensorPlan.ts';

/** Tokens of a prompt that are computed at once: enough for matmuls to be limited by arithmetic and not by reading weights. */
const CHUNK = 64;

export interface Generation {
  readonly planned: readonly PlannedTensor[];
  /** Tokens of a chunk: 64, or the context if it is shorter. */
  readonly chunk: number;
  readonly tokens: Tensor;
  /** (1) u32: the place in the window of the first token of a pass. */
  readonly position: Tensor;
  readonly found: Tensor;
  /** (Vp) f32 */
  readonly logits: Tensor;
  /** Leaves the keys and values of a chunk in the cache. */
  readonly chunkPass: Pass;
  /** Does the same for one token, and computes the logits of the one that follows it. */
  readonly tokenPass: Pass;
}

/** Plans the cache and the passes. The weights' own tensors are not in the plan. */
export function planGeneration(weights: Weights): Generation {
  const { decoder, gpt } = weights;
  const chunk = Math.min(CHUNK, gpt.context);
  const run = readingRun(weights, 0, chunk);
  const { tensorPlan, tokens, found } = run;
  const position = tensorPlan.add('batch', 'position', 'u32', 1);
  const pass = (rows: number): Pass => {
    const continuation: Continuation = { rows, position };
    return new Pass(run, { trains: false, windows: 1, found, continuation });
  };
  const [chunkPass, tokenPass] = [pass(chunk), pass(1)];
  decoder.hidden(chunkPass);
  const logits = decoder.sample(tokenPass);
  tensorPlan.complete();
  return {
    ...{ planned: tensorPlan.planned, chunk, tokens, position, found, logits, chunkPass, tokenPass },
  };
}

/** The operations of both passes on an adapter. */
export function generationOperations(
  { chunkPass, tokenPass }: Generation,
  target: Target,
): { readonly chunk: Operation[]; readonly token: Operation[] } {
  return {
    chunk: operationsOf(buildPass(chunkPass, target)),
    token: operationsOf(buildPass(tokenPass, target)),
  };
}
