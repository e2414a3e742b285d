/** The op lists of the numerics panel. */

import type { Dispatch, Operation, Target } from '../gpu/operation.ts';
import { formatOf, groupsOf, type Operand, scaleOf, slice, type TensorSlice } from '../gpu/tensor.ts';
import { BINS, exponentHistogram, withProbe } from '../kernels/numerics.ts';
import { STEP_STATE_WORDS } from '../kernels/stepState.ts';
import type { ParameterPart } from '../model/chunks.ts';
import { forward } from '../model/forward.ts';
import { gradientRows, type NumericsRow, row, weightRows } from '../model/numericsRows.ts';
import { isVocabularyMatrix, type ParameterSpec } from '../model/parameters.ts';
import { quantizedLabel } from '../model/scales.ts';
import type { RunTensors } from '../model/tensors.ts';
import { buildNoise, type NoiseSchedule } from './noise.ts';

export interface NumericsSchedule {
  readonly begin: readonly Operation[];
  /**
   * The training micro-batch, operation by operation, counting what it narrows, and measuring what it quantises: the same
   * results, the same site numbers.
   */
  readonly microBatch: readonly Operation[];
  /** The same, measuring what kernels narrow as they store it too. */
  readonly measured: readonly Operation[];
  /** After the micro-batches of a step. */
  readonly gradients: readonly Operation[];
  readonly weights: readonly Operation[];
  /**
   * Of the newest batch that went through the model, whether trained on or evaluated: its forward pass with the weights
   * as they are, in which each tensor is counted before another block takes its place.
   */
  readonly activations: readonly Operation[];
  readonly noise: NoiseSchedule;
  readonly rows: Readonly<Record<'gradients' | 'weights' | 'activations', readonly NumericsRow[]>>;
}

export function buildNumerics(
  target: Target,
  tensors: RunTensors,
  microBatch: readonly Operation[],
): NumericsSchedule {
  const { gpt, recipe, histogram, state, parameters } = tensors;
  const countRow = (index: number): TensorSlice => slice(histogram, index * BINS, BINS);
  const clear: Operation = { kind: 'clear', target: histogram };
  const copyState: Operation = {
    kind: 'copy',
    from: state,
    to: slice(histogram, histogram.elements - STEP_STATE_WORDS, STEP_STATE_WORDS),
  };
  const count = (index: number, label: string, inp: Operand): Dispatch =>
    exponentHistogram(target, { inp, histogram: countRow(index), elements: inp.elements, label });
  const parameterRows = (rows: readonly NumericsRow[], which: 'gradient' | 'weight'): Operation[] =>
    rows.flatMap(({ name, kind }, index) => {
      if (kind === 'activationGradient') return [];
      const { spec, parts } = parameters.get(name)!;
      return parts
        .map((part) => learned(spec, part, part[which], gpt.vocabulary))
        .filter(({ elements }) => elements > 0)
        .map((operand) => count(index, name, operand));
    });

  const gradients = gradientRows(gpt, recipe);
  const noise = buildNoise(target, tensors, microBatch);
  const probed = new Map(
    gradients.flatMap(({ name, kind }, index) =>
      kind === 'activationGradient' ? [[name, countRow(index)] as const] : [],
    ),
  );
  const weights = weightRows(gpt, recipe);
  const activations = activationsOf(tensors);
  const forwardPass = forward(target, tensors, tensors.rows / gpt.context, tensors.evalFound);
  const isLast = (operation: Dispatch, index: number): boolean =>
    !forwardPass
      .slice(index + 1)
      .some((later) => later.kind === 'dispatch' && later.label === operation.label);
  const counted = microBatch.map((operation) => {
    const histogramRow = operation.kind === 'dispatch' ? probed.get(operation.label) : undefined;
    const probe =
      operation.kind === 'dispatch' && histogramRow ? withProbe(operation, histogramRow) : operation;
    return { operation, operations: [probe, ...noise.after(operation)] };
  });
  return {
    begin: [clear],
    microBatch: counted.flatMap(({ operations }) => operations),
    measured: counted.flatMap(({ operation, operations }) => [...operations, ...noise.twinsAfter(operation)]),
    gradients: [...parameterRows(gradients, 'gradient'), ...noise.weights, copyState],
    weights: [clear, ...parameterRows(weights, 'weight'), copyState],
    activations: [
      clear,
      ...forwardPass.flatMap((operation, at) => [
        operation,
        ...activations.flatMap(({ name, tensor, madeBy }, index) => {
          const made = operation.kind === 'dispatch' && operation.label === madeBy && isLast(operation, at);
          return made ? [count(index, name, tensor)] : [];
        }),
      ]),
      copyState,
    ],
    noise,
    rows: {
      gradients,
      weights,
      activations: activations.map(({ name, tensor }) => {
        const format = formatOf(tensor);
        return row('activation', name, format, format !== 'f32');
      }),
    },
  };
}

/** A parameter without the rows that only pad the vocabulary: their zeros are no numbers of the model. */
function learned(
  spec: ParameterSpec,
  { firstRow, rows }: ParameterPart,
  operand: TensorSlice,
  vocabulary: number,
): TensorSlice {
  if (!isVocabularyMatrix(spec.name)) return operand;
  const learnedRows = Math.min(rows, Math.max(0, vocabulary - firstRow));
  return slice(operand.tensor, operand.offset, learnedRows * spec.columns);
}

interface Activation {
  readonly name: string;
  readonly tensor: Operand;
  /** Label of the dispatch in the forward pass. */
  readonly madeBy: string;
}

function activationsOf({ residual0, blocks, normF }: RunTensors): Activation[] {
  const activation = (name: string, tensor: Operand, madeBy = name): Activation => ({
    name,
    tensor,
    madeBy: scaleOf(tensor) || groupsOf(tensor) ? quantizedLabel(name) : madeBy,
  });
  return [
    activation('embedding', residual0),
    ...blocks.flatMap((block, layer) => [
      activation(`h.${layer}.ln_1`, block.norm1),
      activation(`h.${layer}.attn.c_attn`, block.qkv),
      activation(`h.${layer}.attn`, block.attention),
      activation(`residual after h.${layer}.attn`, block.residualMid, `h.${layer}.attn.c_proj`),
      activation(`h.${layer}.ln_2`, block.norm2),
      activation(`h.${layer}.mlp.c_fc`, block.preActivation),
      activation(`h.${layer}.mlp.gelu`, block.activation, `h.${layer}.mlp.c_fc`),
      activation(`residual after h.${layer}.mlp`, block.residualOut, `h.${layer}.mlp.c_proj`),
    ]),
    activation('ln_f', normF),
  ];
}
