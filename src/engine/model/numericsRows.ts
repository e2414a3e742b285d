/** Lists the tensors that the numerics panel shows, and where their values are counted. */

import { formatOf, isScaled, type Tensor } from '../gpu/tensor.ts';
import { ALIGNMENT_WORDS, BINS, NOISE_WORDS } from '../kernels/numerics.ts';
import { STEP_STATE_WORDS } from '../kernels/stepState.ts';
import type { FormatId } from '../precision/formats.ts';
import type { Recipe } from '../precision/recipes.ts';
import { type Chunk, type Parameter, type ParameterPart, partName } from './chunks.ts';
import type { Stored } from './emission.ts';
import type { ModelRun } from './modelRun.ts';
import type { ParameterSpec } from './parameters.ts';

export type NumericsKind = 'parameterGradient' | 'activationGradient' | 'weight' | 'activation';

/** A tensor in the numerics panel. */
export interface NumericsRow {
  /** The name that checkpoints and overflow messages use. */
  readonly name: string;
  readonly kind: NumericsKind;
  /** Block the tensor belongs to; null for embeddings, the final norm and the head. */
  readonly layer: number | null;
  /** Format in which its values are stored. */
  readonly format: FormatId;
  /** True if the stored values are counted, so that flushed values count as zeros; false if f32 values are counted before the store. */
  readonly afterNarrowing: boolean;
}

/** A tensor whose rounding error is measured: it is stored in fewer bits than it was computed in. */
export interface NoiseRow {
  readonly name: string;
  readonly kind: Exclude<NumericsKind, 'parameterGradient'>;
  readonly format: FormatId;
  /** That are measured. */
  readonly elements: number;
}

/**
 * Lists parameter gradients in checkpoint order, whose accumulated values are counted, and then the activation gradients that
 * matmuls and attention read, from the first block to the head. The kernels that store the latter count them, and their names
 * are the labels of those dispatches.
 */
export function gradientRows(
  specs: readonly ParameterSpec[],
  recipe: Recipe,
  stores: readonly Stored[],
): NumericsRow[] {
  const { format: gradient } = recipe.storage('gradient');
  const trained = specs.filter(({ trainable }) => trainable);
  return [
    ...trained.map(({ name, block }) => row('parameterGradient', name, block, gradient, gradient !== 'f32')),
    ...readGradients(stores)
      .toReversed()
      .map(({ name, block, operand }) => row('activationGradient', name, block, formatOf(operand), false)),
  ];
}

/** Activation gradients that matmuls and attention read, in the order in which they are stored. */
function readGradients(stores: readonly Stored[]): Stored[] {
  return distinct(stores, isReadGradient);
}

function isReadGradient({ kind, copy }: Stored): boolean {
  return kind === 'activationGradient' && !copy;
}

/** Weights as matmuls and embeddings read them. */
export function weightRows(parameters: ReadonlyMap<string, Parameter>): NumericsRow[] {
  return [...parameters.values()].map(({ spec: { name, block }, parts }) => {
    const format = formatOf(parts[0]!.weight);
    return row('weight', name, block, format, format !== 'f32');
  });
}

/** Activations as they are stored, in the order of the forward pass. */
export function activationRows(stores: readonly Stored[]): NumericsRow[] {
  return distinct(stores, ({ kind, copy }) => kind === 'activation' && !copy).map(
    ({ name, block, operand }) => {
      const format = formatOf(operand);
      return row('activation', name, block, format, format !== 'f32');
    },
  );
}

/**
 * The first store of each tensor that a kernel narrows as it stores it, in the order of a micro-batch. Such a tensor never
 * exists in f32.
 */
export function narrowedStores(stores: readonly Stored[]): Stored[] {
  return distinct(stores, isNarrowed);
}

function isNarrowed({ operand, unmeasured }: Stored): boolean {
  return !unmeasured && formatOf(operand) !== 'f32' && !isScaled(operand);
}

/** Returns the first store of each name among those that `belongs` accepts. */
function distinct(stores: readonly Stored[], belongs: (stored: Stored) => boolean): Stored[] {
  const byName = new Map<string, Stored>();
  for (const stored of stores) {
    if (belongs(stored) && !byName.has(stored.name)) byName.set(stored.name, stored);
  }
  return [...byName.values()];
}

export interface NarrowedWeight {
  readonly name: string;
  readonly spec: ParameterSpec;
  readonly part: ParameterPart;
}

/** Weights that are stored in f32 and that matmuls read in fewer bits. */
export function narrowedWeights(parameters: ReadonlyMap<string, Parameter>): NarrowedWeight[] {
  const narrowed: NarrowedWeight[] = [];
  for (const { spec, parts } of parameters.values()) {
    for (const part of parts) {
      if (isNarrowedWeight(part)) narrowed.push({ name: partName(spec.name, part, parts), spec, part });
    }
  }
  return narrowed;
}

function isNarrowedWeight({ master, weight }: ParameterPart): boolean {
  return formatOf(weight) !== 'f32' && formatOf(master) === 'f32';
}

/** The first matrices of gated MLPs, which are two side by side: gate and what it multiplies. */
export function gatedWeights(parameters: ReadonlyMap<string, Parameter>): Parameter[] {
  return [...parameters.values()].filter(({ spec }) => spec.sideBySide.length === 2);
}

/** Chunks whose second moments are stored as the smallest code at least. */
export function flooredChunks(chunks: readonly Chunk[]): Chunk[] {
  return chunks.filter(({ rule, states }) => rule?.moments.floor === true && states.v !== undefined);
}

/** Words of what inspect/longRun.ts counts. */
export function longRunWords(parameters: ReadonlyMap<string, Parameter>, chunks: readonly Chunk[]): number {
  const ofMoments = flooredChunks(chunks).length > 0 ? BINS : 0;
  return gatedWeights(parameters).length * ALIGNMENT_WORDS + ofMoments;
}

/** Words of what the optimizer measures of its updates, in whole alignments: bindings of storage buffers begin behind them. */
export function updateWords(measured: readonly Tensor[]): number {
  const words = measured.reduce((sum, { elements }) => sum + elements, 0);
  return Math.ceil(words / ALIGNMENT_WORDS) * ALIGNMENT_WORDS;
}

/**
 * Words of the histogram tensor: a row for each gradient, which is the longest of the lists, the noise parts of each narrowed
 * tensor, what is measured of updates, the words of {@link longRunWords}, and a copy of the step state behind them.
 */
export function histogramWords(
  specs: readonly ParameterSpec[],
  chunks: readonly Chunk[],
  { parameters }: Pick<ModelRun, 'parameters'>,
  stores: readonly Stored[],
  ofUpdates: readonly Tensor[],
): number {
  const [scaled, narrowed, read] = [new Set<string>(), new Set<string>(), new Set<string>()];
  for (const stored of stores) {
    if (isScaled(stored.operand)) scaled.add(stored.name);
    else if (isNarrowed(stored)) narrowed.add(stored.name);
    if (isReadGradient(stored)) read.add(stored.name);
  }
  let weights = 0;
  for (const { parts } of parameters.values()) weights += parts.filter(isNarrowedWeight).length;
  const noise = scaled.size + narrowed.size + weights;
  const others = updateWords(ofUpdates) + longRunWords(parameters, chunks) + STEP_STATE_WORDS;
  return (specs.length + read.size) * BINS + noise * NOISE_WORDS + others;
}

function row(
  kind: NumericsKind,
  name: string,
  layer: number | null,
  format: FormatId,
  afterNarrowing: boolean,
): NumericsRow {
  return { name, kind, layer, format, afterNarrowing };
}
