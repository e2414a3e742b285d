/** The operation lists that probe a run's numbers. */
import type { Dispatch, Operation, Target } from '../gpu/operation.ts';
import { type Operand, slice, type TensorSlice } from '../gpu/tensor.ts';
import { BINS, exponentHistogram, withProbe } from '../kernels/numerics.ts';
import { STEP_STATE_WORDS } from '../kernels/stepState.ts';
import type { ParameterPart } from '../model/chunks.ts';
import type { Emitted } from '../model/emission.ts';
import { activationRows, gradientRows, type NumericsRow, weightRows } from '../model/numericsRows.ts';
import type { ParameterSpec } from '../model/parameters.ts';
import { buildPass, readingPass } from '../model/schedule.ts';
import type { RunTensors } from '../model/tensors.ts';
import { buildLongRun, type LongRunSchedule } from './longRun.ts';
import { buildNoise, type NoiseSchedule } from './noise.ts';
import { buildUpdates, type UpdateSchedule } from './updateRms.ts';

export interface NumericsSchedule {
  readonly begin: readonly Operation[];
  /**
   * The training micro-batch, in which kernels also count the gradients that they store, and the noise of quantised
   * operands is measured. Results and found-inf sites are those of the plain micro-batch.
   */
  readonly microBatch: readonly Operation[];
  /** The same with f32 shadows, which measure the noise of tensors that kernels narrow as they store them. */
  readonly measured: readonly Operation[];
  /** Runs after the micro-batches of a step. */
  readonly gradients: readonly Operation[];
  readonly weights: readonly Operation[];
  /**
   * A forward pass with the current weights over the newest batch, whether it was trained on or evaluated. Each tensor is
   * counted before the next block reuses its buffer.
   */
  readonly activations: readonly Operation[];
  readonly noise: NoiseSchedule;
  readonly longRun: LongRunSchedule;
  readonly updates: UpdateSchedule;
  readonly rows: Readonly<Record<'gradients' | 'weights' | 'activations', readonly NumericsRow[]>>;
}

export function buildNumerics(target: Target, tensors: RunTensors): NumericsSchedule {
  const { specs, recipe, histogram, state, parameters, training, decoder, windows } = tensors;
  const countRow = (index: number): TensorSlice => slice(histogram, index * BINS, BINS);
  const clear: Operation = { kind: 'clear', target: histogram };
  const copyState: Operation = {
    kind: 'copy',
    from: state,
    to: slice(histogram, histogram.elements - STEP_STATE_WORDS, STEP_STATE_WORDS),
  };
  const count = (index: number, label: string, inp: Operand): Dispatch =>
    exponentHistogram(target, { inp, histogram: countRow(index), elements: inp.elements, label });
  const parameterRows = (which: 'gradient' | 'weight'): Operation[] =>
    [...parameters.values()]
      .filter(({ parts }) => parts[0]![which])
      .flatMap(({ spec, parts }, index) =>
        parts
          .map((part) => learned(spec, part, part[which]!))
          .filter(({ elements }) => elements > 0)
          .map((operand) => count(index, spec.name, operand)),
      );

  const microBatch = buildPass(training, target);
  const gradients = gradientRows(specs, recipe, training.stores);
  const probed = new Map(
    gradients.flatMap(({ name, kind }, index) =>
      kind === 'activationGradient' ? [[name, countRow(index)] as const] : [],
    ),
  );
  const noise = buildNoise(target, tensors, microBatch);
  const longRun = buildLongRun(target, tensors);
  const updates = buildUpdates(tensors);
  const counted = microBatch.flatMap((emitted) =>
    emitted.operations.map((operation) => ({
      operation,
      operations: [probedOperation(operation, emitted, probed), ...noise.after(operation)],
    })),
  );
  const forward = readingPass(tensors, target, windows, (pass) => decoder.hidden(pass));
  const activations = activationRows(forward.flatMap(({ stores }) => stores));
  const indices = new Map(activations.map(({ name }, index) => [name, index]));
  return {
    begin: [clear],
    microBatch: counted.flatMap(({ operations }) => operations),
    measured: counted.flatMap(({ operation, operations }) => [
      ...operations,
      ...noise.shadowsAfter(operation),
    ]),
    gradients: [
      ...parameterRows('gradient'),
      ...noise.weights,
      ...longRun.operations,
      ...updates.operations,
      copyState,
    ],
    weights: [clear, ...parameterRows('weight'), copyState],
    activations: [
      clear,
      ...forward.flatMap(({ operations, stores }) => [
        ...operations,
        ...stores.flatMap(({ name, operand, copy }) =>
          copy ? [] : [count(indices.get(name)!, name, operand)],
        ),
      ]),
      copyState,
    ],
    noise,
    longRun,
    updates,
    rows: { gradients, weights: weightRows(parameters), activations },
  };
}

/** Returns `operation` with a probe, if it stores a tensor that has a row in the histogram. */
function probedOperation(
  operation: Operation,
  { stores }: Emitted,
  rows: ReadonlyMap<string, TensorSlice>,
): Operation {
  if (operation.kind !== 'dispatch') return operation;
  const stored = stores.find(({ name, slot, copy }) => rows.has(name) && !copy && slot in operation.bindings);
  return stored ? withProbe(operation, rows.get(stored.name)!) : operation;
}

/** Returns a parameter without the rows that pad the vocabulary, whose zeros must not be counted. */
function learned(
  { learnedRows, columns }: ParameterSpec,
  { firstRow, rows }: ParameterPart,
  operand: TensorSlice,
): TensorSlice {
  const count = Math.min(rows, Math.max(0, learnedRows - firstRow));
  return slice(operand.tensor, operand.offset, count * columns);
}
