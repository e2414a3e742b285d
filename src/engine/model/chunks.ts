/**
 * Parameters, gradients and Adam moments lie in flat chunks: one AdamW dispatch covers many tensors, and no
 * chunk is larger than a binding may be.
 */
import { EngineError } from '../errors.ts';
import { hasComputeCopy, type Recipe } from '../precision/recipes.ts';
import { slice, type Tensor, type TensorSlice } from '../tensor.ts';
import { isVocabularyMatrix, type ParameterSpec } from './parameters.ts';

/** Slices are bound at multiples of 256 bytes in every format down to one byte an element. */
const ALIGNMENT = 256;

export interface Chunk {
  readonly elements: number;
  /** The first elements, which have weight decay. */
  readonly decayedElements: number;
  readonly master: Tensor;
  /** Rounded copy that matmuls read; absent where they read the master itself. */
  readonly compute: Tensor | undefined;
  readonly gradient: Tensor;
  readonly firstMoment: Tensor;
  readonly secondMoment: Tensor;
}

export interface Parameter {
  readonly spec: ParameterSpec;
  readonly master: TensorSlice;
  /** What matmuls read. */
  readonly weight: TensorSlice;
  readonly gradient: TensorSlice;
  readonly firstMoment: TensorSlice;
  readonly secondMoment: TensorSlice;
}

export interface ParameterLayout {
  readonly chunks: readonly Chunk[];
  readonly parameters: ReadonlyMap<string, Parameter>;
}

/**
 * Packs parameters into chunks of at most `maxBytes` (at four bytes an element).
 * @throws EngineError LIMIT_EXCEEDED when one parameter alone is larger
 */
export function layoutParameters(
  specs: readonly ParameterSpec[],
  recipe: Recipe,
  maxBytes: number,
): ParameterLayout {
  const limit = Math.floor(maxBytes / 4 / ALIGNMENT) * ALIGNMENT;
  const groups: { spec: ParameterSpec; offset: number; elements: number }[][] = [];
  let filled = Number.POSITIVE_INFINITY;
  for (const spec of [...specs.filter((s) => s.decays), ...specs.filter((s) => !s.decays)]) {
    const elements = spec.rows * spec.columns;
    const padded = Math.ceil(elements / ALIGNMENT) * ALIGNMENT;
    if (padded > limit) throw tooLarge(spec, maxBytes);
    if (filled + padded > limit) {
      groups.push([]);
      filled = 0;
    }
    groups.at(-1)!.push({ spec, offset: filled, elements });
    filled += padded;
  }
  const parameters = new Map<string, Parameter>();
  const chunks = groups.map((group, index) => {
    const last = group.at(-1)!;
    const elements = Math.ceil((last.offset + last.elements) / ALIGNMENT) * ALIGNMENT;
    const chunk = makeChunk(index, elements, group, recipe);
    for (const { spec, offset, elements: count } of group) {
      parameters.set(spec.name, {
        spec,
        master: slice(chunk.master, offset, count),
        weight: slice(spec.matmul && chunk.compute ? chunk.compute : chunk.master, offset, count),
        gradient: slice(chunk.gradient, offset, count),
        firstMoment: slice(chunk.firstMoment, offset, count),
        secondMoment: slice(chunk.secondMoment, offset, count),
      });
    }
    return chunk;
  });
  return { chunks, parameters };
}

function makeChunk(
  index: number,
  elements: number,
  group: readonly { spec: ParameterSpec; offset: number; elements: number }[],
  recipe: Recipe,
): Chunk {
  const tensor = (role: keyof Recipe['roles'], suffix: string): Tensor => ({
    name: `parameters.${index}#${suffix}`,
    type: recipe.roles[role],
    elements,
  });
  const firstUndecayed = group.find(({ spec }) => !spec.decays);
  return {
    elements,
    decayedElements: firstUndecayed ? firstUndecayed.offset : elements,
    master: tensor('master', 'master'),
    compute: hasComputeCopy(recipe) ? tensor('weight', 'compute') : undefined,
    gradient: tensor('gradient', 'grad'),
    firstMoment: tensor('firstMoment', 'm'),
    secondMoment: tensor('secondMoment', 'v'),
  };
}

function tooLarge(spec: ParameterSpec, maxBytes: number): EngineError {
  const mib = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
  return new EngineError(
    'LIMIT_EXCEEDED',
    `${spec.name} needs ${mib(spec.rows * spec.columns * 4)} in one binding; this adapter allows ${mib(maxBytes)}.`,
    hintFor(spec.name),
  );
}

function hintFor(name: string): string {
  if (name === 'wpe.weight') return 'Use a shorter context, or a smaller width.';
  if (isVocabularyMatrix(name)) return 'Use a tokenizer with a smaller vocabulary, or a smaller width.';
  return 'Use a smaller width.';
}
