/** LM head and loss, a chunk of rows at a time: the logits of a whole batch never exist. */
import { matmul } from '../kernels/matmul.ts';
import type { Operation, Target } from '../kernels/operation.ts';
import { crossEntropy, lossSum } from '../kernels/rows.ts';
import { slice, type Tensor } from '../tensor.ts';
import { paddedVocabulary } from './config.ts';
import { parameter } from './forward.ts';
import { headParameter } from './parameters.ts';
import type { RunTensors } from './tensors.ts';

export interface LmHeadArgs {
  /** Also form dlogits, add to the head's gradient and write the gradient of ln_f's output to `dnorm`. */
  readonly backward: boolean;
  /** Tokens the mean loss is over: B * T * accumulation. */
  readonly lossTokens: number;
  /** Where the loss is added; with `backward` the loss scale is read from here too. */
  readonly state: Tensor;
  readonly found: Tensor;
}

export function lmHead(target: Target, tensors: RunTensors, args: LmHeadArgs): Operation[] {
  const { gpt, normF, targets, losses, logits, dlogits, dnorm, rows, headRows } = tensors;
  const { state, found, lossTokens } = args;
  const C = gpt.width;
  const Vp = paddedVocabulary(gpt);
  const head = parameter(tensors, headParameter(gpt));
  const name = headParameter(gpt);
  const operations: Operation[] = [];
  for (let first = 0; first < rows; first += headRows) {
    const count = Math.min(headRows, rows - first);
    const inp = slice(normF, first * C, count * C);
    operations.push(
      matmul(target, {
        label: 'logits',
        a: inp,
        b: head.weight,
        bTransposed: true,
        out: logits,
        m: count,
        n: Vp,
        k: C,
        found,
      }),
      crossEntropy(target, {
        label: args.backward ? 'logits gradient' : 'loss',
        logits,
        targets: slice(targets, first, count),
        losses: slice(losses, first, count),
        ...(args.backward && { backward: { dlogits, state } }),
        rows: count,
        vocabulary: gpt.vocabulary,
        paddedVocabulary: Vp,
        lossTokens,
        found,
      }),
    );
    if (!args.backward) continue;
    operations.push(
      matmul(target, {
        label: 'ln_f gradient',
        a: dlogits,
        b: head.weight,
        out: slice(dnorm, first * C, count * C),
        m: count,
        n: C,
        k: Vp,
        found,
      }),
      matmul(target, {
        label: `${name} gradient`,
        a: dlogits,
        aTransposed: true,
        b: inp,
        out: head.gradient,
        m: Vp,
        n: C,
        k: count,
        accumulate: true,
        found,
      }),
    );
  }
  operations.push(lossSum({ losses, state, rows, lossTokens }));
  return operations;
}
