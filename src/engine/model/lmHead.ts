/** LM head and loss, a chunk of rows at a time, and of a large vocabulary a slice at a time: the logits of a whole batch never exist. */

import { paddedVocabulary } from '../config/gptConfig.ts';
import type { Operation, Target } from '../gpu/operation.ts';
import { type Operand, slice, sliceOf, type Tensor, type TensorSlice } from '../gpu/tensor.ts';
import { matmul } from '../kernels/matmul.ts';
import { crossEntropy, logitSharpness, lossSum, SHARPNESS_WIDTH } from '../kernels/rows.ts';
import { weightGradient } from '../kernels/weightGradient.ts';
import type { ParameterPart } from './chunks.ts';
import { partsOf } from './forward.ts';
import { headParameter } from './parameters.ts';
import { quantizeLogitsGradient } from './scales.ts';
import type { RunTensors } from './tensors.ts';

/** The smaller epsilon at which sharpness is measured; the other is twice as large. */
export const SHARPNESS_EPSILON = 5e-4;

export interface LmHeadArgs {
  /**
   * Also form dlogits, add to the head's gradient, write the gradient of ln_f's output to `dnorm`, and add the loss to the
   * step's.
   */
  readonly backward?: {
    /** Tokens the mean loss is over: B * T * accumulation. */
    readonly lossTokens: number;
    /** Where the loss is added and the loss scale is read. */
    readonly state: Tensor;
  };
  readonly found: Tensor;
  /** (rows, 4) f32: also measure each row's sharpness. */
  readonly sharpness?: Tensor;
}

/**
 * The logits of `count` rows by slice of the vocabulary, each a matrix (count, rows of the slice) of its own behind the
 * one before it, and so are their gradients.
 */
function headSlices(tensors: RunTensors, count: number): HeadSlice[] {
  const { gpt, logits, quantized } = tensors;
  const dlogits = quantized?.logitsGradient ?? tensors.dlogits;
  return partsOf(tensors, headParameter(gpt)).map((part) => {
    const [offset, elements] = [count * part.firstRow, count * part.rows];
    return {
      part,
      logits: slice(logits, offset, elements),
      dlogits: sliceOf(dlogits, offset, elements),
    };
  });
}

interface HeadSlice {
  readonly part: ParameterPart;
  readonly logits: TensorSlice;
  /** As matmuls read them. */
  readonly dlogits: TensorSlice;
}

export function lmHead(target: Target, tensors: RunTensors, args: LmHeadArgs): Operation[] {
  const { gpt, normF, targets, losses, logits, dlogits, dnorm, rows, headRows } = tensors;
  const { found, backward } = args;
  const C = gpt.width;
  const operations: Operation[] = [];
  for (let first = 0; first < rows; first += headRows) {
    const count = Math.min(headRows, rows - first);
    const inp = sliceOf(normF, first * C, count * C);
    const slices = headSlices(tensors, count);
    const shape = {
      logits,
      targets: slice(targets, first, count),
      rows: count,
      vocabulary: gpt.vocabulary,
      paddedVocabulary: paddedVocabulary(gpt),
      sliceColumns: tensors.vocabularyRows,
    };
    operations.push(
      ...slices.map(({ part, logits: out }) =>
        logitsOf(target, { label: 'logits', inp, part, out, count, C, found }),
      ),
      crossEntropy(target, {
        label: backward ? 'logits gradient' : 'loss',
        ...shape,
        losses: slice(losses, first, count),
        ...(backward && { backward: { dlogits, ...backward } }),
        found,
      }),
    );
    if (args.sharpness) {
      const out = slice(args.sharpness, first * SHARPNESS_WIDTH, count * SHARPNESS_WIDTH);
      const label = 'sharpness';
      operations.push(logitSharpness(target, { ...shape, label, out, epsilon: SHARPNESS_EPSILON }));
    }
    if (!backward) continue;
    const whole = slice(dlogits, 0, count * shape.paddedVocabulary);
    operations.push(...quantizeLogitsGradient(target, tensors, whole));
    for (const { part, dlogits: dout } of slices) {
      operations.push(
        matmul(target, {
          label: 'ln_f gradient',
          a: dout,
          b: part.weight,
          out: slice(dnorm, first * C, count * C),
          m: count,
          n: C,
          k: part.rows,
          accumulate: part.firstRow > 0,
          found,
        }),
        ...weightGradient(
          target,
          {
            label: `${headParameter(gpt)} gradient`,
            a: dout,
            b: inp,
            out: part.gradient,
            m: part.rows,
            n: C,
            k: count,
            found,
          },
          tensors.partials,
        ),
      );
    }
  }
  if (backward) operations.push(lossSum({ losses, sums: tensors.lossSums, rows, ...backward }));
  return operations;
}

/** Logits of one row, (1, Vp), from `sampleRow`. */
export function sampledLogits(target: Target, tensors: RunTensors): Operation[] {
  const { sampleRow: inp, gpt, evalFound: found } = tensors;
  return headSlices(tensors, 1).map(({ part, logits: out }) =>
    logitsOf(target, { label: 'sampled logits', inp, part, out, count: 1, C: gpt.width, found }),
  );
}

function logitsOf(
  target: Target,
  args: {
    label: string;
    inp: Operand;
    part: ParameterPart;
    out: Operand;
    count: number;
    C: number;
    found: Tensor;
  },
): Operation {
  const { label, inp, part, out, count, C, found } = args;
  return matmul(target, {
    label,
    a: inp,
    b: part.weight,
    bTransposed: true,
    out,
    m: count,
    n: part.rows,
    k: C,
    found,
  });
}
