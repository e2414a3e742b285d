/** Schedules the measurement of quantisation noise, and reads the GPU's partial sums of it. */

import type { Dispatch, Operation, Target } from '../gpu/operation.ts';
import {
  formatOf,
  isScaled,
  type Operand,
  scaleOf,
  slice,
  type Tensor,
  type TensorSlice,
} from '../gpu/tensor.ts';
import {
  NOISE_GROUPS,
  NOISE_PART_WORDS,
  NOISE_WORDS,
  quantizationNoise,
  scaledQuantizationNoise,
} from '../kernels/numerics.ts';
import type { Emitted, Stored } from '../model/emission.ts';
import { gradientRows, type NoiseRow, narrowedWeights } from '../model/numericsRows.ts';
import type { ScaleTable } from '../model/scales.ts';
import type { RunTensors } from '../model/tensors.ts';
import { buildShadows } from './f32Shadows.ts';
import type { QuantizationNoise } from './frame.ts';
import { type NumbersOf, numbersFrom, STORE_NUMBERS } from './tensorNumbers.ts';

export interface NoiseSchedule {
  /** Rows in the order of their partial sums in the histogram tensor. */
  readonly rows: readonly NoiseRow[];
  /** The first `withoutShadows` rows need no shadow. */
  readonly withoutShadows: number;
  /** Word of the histogram tensor at which the partial sums begin. */
  readonly firstWord: number;
  /** Dispatches that must run right after `operation`, before the buffer of its input is reused. */
  after(operation: Operation): readonly Dispatch[];
  /** The same for kernels that narrow as they store: the shadow of the kernel, and the comparison. */
  shadowsAfter(operation: Operation): readonly Dispatch[];
  /** Compares compute weights with their masters. */
  readonly weights: readonly Dispatch[];
  /** The tensors that shadows write, which are not part of the run. */
  readonly scratch: readonly Tensor[];
}

/**
 * @param microBatch the training micro-batch. Every operand that it quantises gets a row, and so does every tensor that
 * its kernels narrow as they store it.
 */
export function buildNoise(
  target: Target,
  tensors: RunTensors,
  microBatch: readonly Emitted[],
): NoiseSchedule {
  const { specs, recipe, histogram, scales, parameters, training } = tensors;
  const firstWord = gradientRows(specs, recipe, training.stores).length * NOISE_WORDS;
  const rows: NoiseRow[] = [];
  const partsOf = (index: number): TensorSlice =>
    slice(histogram, firstWord + index * NOISE_WORDS, NOISE_WORDS);
  const indices = new Map<string, number>();
  const partsFor = (row: NoiseRow): TensorSlice => {
    // The format is part of the key because FP8 modes store attention's output and also quantise a copy of it.
    const key = `${row.name} ${row.format}`;
    const index = indices.get(key) ?? rows.push(row) - 1;
    indices.set(key, index);
    return partsOf(index);
  };
  const operands = new Map<Operation, readonly Dispatch[]>();
  for (const { operations, stores } of microBatch) {
    const [stored] = stores.filter(({ operand }) => isScaled(operand));
    const last = operations.at(-1);
    if (stored && last?.kind === 'dispatch') {
      operands.set(last, scaledNoise(target, scales!, last.bindings.inp!, stored, partsFor));
    }
  }
  const weights = narrowedWeights(parameters).flatMap(({ name, spec, part }): Dispatch[] => {
    const { master: inp, weight: out, firstRow } = part;
    // Rows that pad the vocabulary are left out.
    const learned = Math.max(0, spec.learnedRows - firstRow);
    const elements = Math.min(part.rows, learned) * spec.columns;
    if (elements === 0) return [];
    const args = { inp, out, elements, label: name };
    const parts = partsFor({ name, kind: 'weight', format: formatOf(out), elements });
    return scales && scaleOf(out)
      ? [scaledQuantizationNoise(target, { ...args, amax: scales.amax, parts })]
      : quantizationNoise(target, { ...args, parts });
  });
  const withoutShadows = rows.length;
  const shadows = buildShadows(target, tensors, microBatch, partsFor);
  return {
    rows,
    withoutShadows,
    firstWord,
    after: (operation) => operands.get(operation) ?? [],
    shadowsAfter: (operation) => shadows.after.get(operation) ?? [],
    weights,
    scratch: shadows.scratch,
  };
}

/** @param inp the tensor that `stored` was quantised from */
function scaledNoise(
  target: Target,
  scales: ScaleTable,
  inp: Operand,
  { name, kind, operand: out }: Stored,
  partsFor: (row: NoiseRow) => TensorSlice,
): Dispatch[] {
  const args = { inp, out, elements: out.elements, label: name };
  const parts = partsFor({ name, kind, format: formatOf(out), elements: out.elements });
  return scaleOf(out)
    ? [scaledQuantizationNoise(target, { ...args, amax: scales.amax, parts })]
    : quantizationNoise(target, { ...args, parts });
}

/** @param words (rows, NOISE_WORDS): the partial sums as the kernel wrote them */
export function readNoise(rows: readonly NoiseRow[], words: Uint32Array): QuantizationNoise[] {
  return rows.map((row, i) => ({
    ...row,
    ...readParts(words.slice(i * NOISE_WORDS, (i + 1) * NOISE_WORDS), row.elements),
  }));
}

/**
 * @param words (NOISE_WORDS): the structs `Part` of shaders/quantization_noise.wgsl
 * @param elements that were measured
 */
export function readParts(
  words: Uint32Array<ArrayBuffer>,
  elements: number,
): NumbersOf<typeof STORE_NUMBERS> {
  const floats = new Float32Array(words.buffer);
  const sums = {
    ...{ elements, signal: 0, noise: 0, fourth: 0, amax: 0 },
    ...{ saturated: 0, underflow: 0, nonZero: 0, nonFinite: 0 },
  };
  for (let at = 0; at < NOISE_GROUPS * NOISE_PART_WORDS; at += NOISE_PART_WORDS) {
    sums.signal += floats[at]!;
    sums.noise += floats[at + 1]!;
    sums.amax = Math.max(sums.amax, floats[at + 2]!);
    sums.saturated += words[at + 3]!;
    sums.underflow += words[at + 4]!;
    sums.nonZero += words[at + 5]!;
    sums.nonFinite += words[at + 6]!;
    sums.fourth += floats[at + 7]!;
  }
  return numbersFrom(STORE_NUMBERS, sums);
}
