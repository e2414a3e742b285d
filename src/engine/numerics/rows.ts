/** Which tensors the numerics panel shows, and where each is counted. */
import { NOISE_WORDS } from '../kernels/numerics.ts';
import { type Parameter, type ParameterPart, partName } from '../model/chunks.ts';
import type { GptConfig } from '../model/config.ts';
import { isVocabularyMatrix, type ParameterSpec, parameterSpecs } from '../model/parameters.ts';
import type { FormatId } from '../precision/formats.ts';
import { type Recipe, roundsResidualGradient } from '../precision/recipes.ts';
import { formatOf } from '../tensor.ts';
import { STEP_STATE_WORDS } from '../train/stepState.ts';
import { BINS, type NumericsKind, type NumericsRow } from './frame.ts';

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
 * that may be narrowed, and the step state behind them.
 * @param narrowed how many may be
 */
export function histogramWords(gpt: GptConfig, recipe: Recipe, narrowed: number): number {
  return gradientRows(gpt, recipe).length * BINS + narrowed * NOISE_WORDS + STEP_STATE_WORDS;
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
