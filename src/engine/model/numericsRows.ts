/** Which tensors the numerics panel shows, and where each is counted. */

import type { GptConfig } from '../config/gptConfig.ts';
import { formatOf } from '../gpu/tensor.ts';
import { BINS, NOISE_WORDS } from '../kernels/numerics.ts';
import { STEP_STATE_WORDS } from '../kernels/stepState.ts';
import type { FormatId } from '../precision/formats.ts';
import { type Recipe, roundsResidualGradient } from '../precision/recipes.ts';
import { type Parameter, type ParameterPart, partName } from './chunks.ts';
import { isVocabularyMatrix, type ParameterSpec, parameterSpecs } from './parameters.ts';

export type NumericsKind = 'parameterGradient' | 'activationGradient' | 'weight' | 'activation';

/** One tensor, by the name that parameters and overflow messages use. */
export interface NumericsRow {
  readonly name: string;
  readonly kind: NumericsKind;
  /** Block the tensor belongs to; null for embeddings, the final norm and the head. */
  readonly layer: number | null;
  /** How its values are stored. */
  readonly format: FormatId;
  /** Counted as stored: what a narrow format had flushed shows as zeros. Otherwise counted in f32, before the store. */
  readonly afterNarrowing: boolean;
}

/** One tensor whose storing is measured: it is kept in fewer bits than it was computed in. */
export interface NoiseRow {
  readonly name: string;
  readonly kind: Exclude<NumericsKind, 'parameterGradient'>;
  readonly format: FormatId;
}

/**
 * Parameter gradients in checkpoint order, counted as they were accumulated; then the gradients that matmuls and attention read,
 * counted by the kernels that store them. The names of the latter are the labels of those dispatches.
 */
export function gradientRows(gpt: GptConfig, recipe: Recipe): NumericsRow[] {
  const { gradient, outputGradient, attention, residualGradient } = recipe.roles;
  const rows = parameterSpecs(gpt).map(({ name }) =>
    row('parameterGradient', name, gradient, gradient !== 'f32'),
  );
  const narrowed = (name: string, format: FormatId) => row('activationGradient', name, format, false);
  const residual = roundsResidualGradient(recipe) ? outputGradient : residualGradient;
  for (let layer = 0; layer < gpt.layers; layer++) {
    const h = `h.${layer}`;
    rows.push(
      narrowed(`residual gradient at ${h}.ln_1`, residual),
      narrowed(`${h}.attn.c_attn gradient`, attention),
      narrowed(`${h}.attn gradient`, attention),
      narrowed(`residual gradient at ${h}.ln_2`, residual),
      narrowed(`${h}.mlp.c_fc gradient`, outputGradient),
    );
  }
  rows.push(narrowed('residual gradient at ln_f', residual), narrowed('logits gradient', outputGradient));
  return rows;
}

/** Weights as matmuls and embeddings read them. */
export function weightRows(gpt: GptConfig, recipe: Recipe): NumericsRow[] {
  const { weight, master } = recipe.roles;
  const { quantization } = recipe;
  const inBlocks = quantization?.formats.weight ?? weight;
  const inHead = quantization?.head ? inBlocks : weight;
  return parameterSpecs(gpt).map((spec) => {
    const read = isVocabularyMatrix(spec.name) ? inHead : inBlocks;
    const format = spec.matmul ? read : master;
    return row('weight', spec.name, format, format !== 'f32');
  });
}

/** A tensor that its kernel narrows as it stores it, so that it never exists in f32. */
export interface StoredRow extends NoiseRow {
  /** Label of the dispatches that store it, and their binding. */
  readonly madeBy: string;
  readonly slot: 'out' | 'preActivation' | 'rounded' | 'dqkv' | 'dlogits';
}

/**
 * In the order of a micro-batch. Not among them are sums in a narrow format, which kernels add to in place, and what FP8
 * modes store only to quantise it.
 */
export function storedRows({ layers }: GptConfig, recipe: Recipe): StoredRow[] {
  const { roles, quantization } = recipe;
  const stored =
    (kind: NoiseRow['kind']) =>
    (name: string, format: FormatId, slot: StoredRow['slot'] = 'out', madeBy = name): StoredRow => ({
      ...{ name, kind, format, slot, madeBy },
    });
  const activation = stored('activation');
  const gradient = stored('activationGradient');
  const residual = roundsResidualGradient(recipe) ? roles.outputGradient : 'f32';
  const blocks = Array.from({ length: layers }, (_, layer) => `h.${layer}`);
  return [
    activation('embedding', roles.residual),
    ...blocks.flatMap((h) => [
      ...(quantization ? [] : [activation(`${h}.ln_1`, roles.activation)]),
      activation(`${h}.attn.c_attn`, roles.attention),
      activation(`${h}.attn`, roles.attention),
      activation(`residual after ${h}.attn`, roles.residual, 'out', `${h}.attn.c_proj`),
      ...(quantization
        ? []
        : [
            activation(`${h}.ln_2`, roles.activation),
            activation(`${h}.mlp.c_fc`, roles.preActivation, 'preActivation'),
            activation(`${h}.mlp.gelu`, roles.activation, 'out', `${h}.mlp.c_fc`),
          ]),
      activation(`residual after ${h}.mlp`, roles.residual, 'out', `${h}.mlp.c_proj`),
    ]),
    ...(quantization?.head
      ? []
      : [activation('ln_f', roles.activation), gradient('logits gradient', roles.outputGradient, 'dlogits')]),
    gradient('residual gradient at ln_f', residual, 'rounded'),
    ...blocks
      .toReversed()
      .flatMap((h) => [
        ...(quantization ? [] : [gradient(`${h}.mlp.c_fc gradient`, roles.outputGradient)]),
        gradient(`residual gradient at ${h}.ln_2`, residual, 'rounded'),
        gradient(`${h}.attn gradient`, roles.attention),
        gradient(`${h}.attn.c_attn gradient`, roles.attention, 'dqkv'),
        gradient(`residual gradient at ${h}.ln_1`, residual, 'rounded'),
      ]),
  ].filter(({ format }) => format !== 'f32');
}

export interface NarrowedWeight {
  readonly name: string;
  readonly spec: ParameterSpec;
  readonly part: ParameterPart;
}

/** Weights that are kept in f32 and read in fewer bits. */
export function narrowedWeights(parameters: ReadonlyMap<string, Parameter>): NarrowedWeight[] {
  return [...parameters].flatMap(([name, { spec, parts }]) =>
    parts
      .filter(({ master, weight }) => formatOf(master) === 'f32' && formatOf(weight) !== 'f32')
      .map((part) => ({ name: partName(name, part, parts), spec, part })),
  );
}

/**
 * Words of the histogram tensor: a row for each tensor of the longest list, which is that of gradients, as much for each
 * that is narrowed, and the step state behind them.
 * @param narrowed how many are, but for those that kernels narrow as they store them
 */
export function histogramWords(gpt: GptConfig, recipe: Recipe, narrowed: number): number {
  const noise = narrowed + storedRows(gpt, recipe).length;
  return gradientRows(gpt, recipe).length * BINS + noise * NOISE_WORDS + STEP_STATE_WORDS;
}

export function row(
  kind: NumericsKind,
  name: string,
  format: FormatId,
  afterNarrowing: boolean,
): NumericsRow {
  const layer = /(?:^| )h\.(\d+)\./.exec(name)?.[1];
  return { name, kind, layer: layer === undefined ? null : Number(layer), format, afterNarrowing };
}
