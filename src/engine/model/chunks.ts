/**
 * Parameters, gradients and Adam moments lie in flat chunks: one AdamW dispatch covers many tensors, and no
 * chunk is larger than a binding may be.
 */
import { EngineError } from '../core/errors.ts';
import { mebibytes } from '../core/mebibytes.ts';
import { slice, type Tensor, type TensorSlice } from '../gpu/tensor.ts';
import { MOMENT_GROUP, type MomentFormats } from '../precision/optimStates.ts';
import { copyFormat } from '../precision/recipe.ts';
import type { Recipe } from '../precision/recipes.ts';
import type { ParameterSpec } from './parameters.ts';

/** Slices are bound at multiples of 256 bytes in every format down to one byte an element; no group of moments spans two. */
const ALIGNMENT = 256;

export interface Chunk {
  readonly elements: number;
  /** The first elements, which have weight decay. */
  readonly decayedElements: number;
  readonly master: Tensor;
  /** Rounded copy that matmuls read; absent where they read the master itself. */
  readonly compute: Tensor | undefined;
  /** Lower halves of a split master, two a word. */
  readonly low: Tensor | undefined;
  readonly gradient: Tensor;
  readonly firstMoment: Tensor;
  readonly secondMoment: Tensor;
  /** Four numbers for each group of moments, where they are scaled by group; see shaders/lib/moments.wgsl. */
  readonly groups: Tensor | undefined;
}

/** Consecutive rows of a parameter that lie in one chunk. */
export interface ParameterPart {
  readonly firstRow: number;
  readonly rows: number;
  /** Of {@link ParameterLayout.chunks}. */
  readonly chunk: number;
  readonly master: TensorSlice;
  /** What matmuls read. */
  readonly weight: TensorSlice;
  readonly gradient: TensorSlice;
  readonly firstMoment: TensorSlice;
  readonly secondMoment: TensorSlice;
}

/** A part of a matrix that matmuls read from a tensor of its own. */
export interface ComputeWeight {
  /** The parameter's, with its first row where the parameter is split. */
  readonly name: string;
  readonly master: TensorSlice;
  readonly weight: TensorSlice;
}

export interface Parameter {
  readonly spec: ParameterSpec;
  /** One, but for a vocabulary matrix that is larger than a binding: slices of {@link ParameterLayout.vocabularyRows}. */
  readonly parts: readonly ParameterPart[];
}

export interface ParameterLayout {
  /** In checkpoint order. */
  readonly specs: readonly ParameterSpec[];
  readonly chunks: readonly Chunk[];
  readonly parameters: ReadonlyMap<string, Parameter>;
  /** Rows of each slice of a vocabulary matrix; the last may have fewer. */
  readonly vocabularyRows: number;
}

/**
 * Rows of a slice are a multiple of this: then cross entropy sums a row of logits in the same order however it is
 * sliced, in workgroups of up to 128 lanes of four columns.
 */
const VOCABULARY_STEP = 512;

interface Placed {
  readonly spec: ParameterSpec;
  readonly firstRow: number;
  readonly rows: number;
  readonly offset: number;
  readonly elements: number;
}

/**
 * Packs parameters into chunks of at most `maxBytes` (at four bytes an element), vocabulary matrices in slices where they
 * are larger.
 * @throws EngineError LIMIT_EXCEEDED when another parameter alone is larger, or some rows of the vocabulary
 */
export function layoutParameters(
  specs: readonly ParameterSpec[],
  recipe: Recipe,
  moments: MomentFormats,
  maxBytes: number,
): ParameterLayout {
  const limit = Math.floor(maxBytes / 4 / ALIGNMENT) * ALIGNMENT;
  const groups: Placed[][] = [];
  let filled = Number.POSITIVE_INFINITY;
  const place = (spec: ParameterSpec, firstRow: number, rows: number): void => {
    const elements = rows * spec.columns;
    const padded = Math.ceil(elements / ALIGNMENT) * ALIGNMENT;
    if (padded > limit) throw tooLarge(spec, rows, maxBytes);
    if (filled + padded > limit) {
      groups.push([]);
      filled = 0;
    }
    groups.at(-1)!.push({ spec, firstRow, rows, offset: filled, elements });
    filled += padded;
  };
  const vocabularyRows = vocabularySlice(specs, limit);
  const blocks = 1 + Math.max(...specs.map(({ block }) => block ?? -1));
  const readsCopy = ({ matmul, block }: ParameterSpec): boolean =>
    matmul && copyFormat(recipe) === recipe.storage('weight', { block, blocks }).format;
  for (const spec of [...specs.filter((s) => s.decays), ...specs.filter((s) => !s.decays)]) {
    const step = spec.rowsOf === 'tokens' ? vocabularyRows : spec.rows;
    for (let first = 0; first < spec.rows; first += step)
      place(spec, first, Math.min(step, spec.rows - first));
  }
  const parts = new Map<string, ParameterPart[]>(specs.map(({ name }) => [name, []]));
  const chunks = groups.map((group, index) => {
    const last = group.at(-1)!;
    const elements = Math.ceil((last.offset + last.elements) / ALIGNMENT) * ALIGNMENT;
    const chunk = makeChunk(index, elements, group, recipe, moments);
    for (const { spec, firstRow, rows, offset, elements: count } of group) {
      parts.get(spec.name)!.push({
        firstRow,
        rows,
        chunk: index,
        master: slice(chunk.master, offset, count),
        weight: slice(readsCopy(spec) ? chunk.compute! : chunk.master, offset, count),
        gradient: slice(chunk.gradient, offset, count),
        firstMoment: slice(chunk.firstMoment, offset, count),
        secondMoment: slice(chunk.secondMoment, offset, count),
      });
    }
    return chunk;
  });
  const parameters = new Map(specs.map((spec) => [spec.name, { spec, parts: parts.get(spec.name)! }]));
  return { specs, chunks, parameters, vocabularyRows };
}

/** Up to where the next part begins: zeros that stay zeros, so that groups of moments are whole. */
export function paddedElements({ master }: ParameterPart): number {
  return Math.ceil(master.elements / ALIGNMENT) * ALIGNMENT;
}

/** Rows of a vocabulary matrix that are bound at a time: all, or as many whole steps as `limit` elements hold. */
function vocabularySlice(specs: readonly ParameterSpec[], limit: number): number {
  const { rows, columns } = specs.find(({ rowsOf }) => rowsOf === 'tokens')!;
  if (rows * columns <= limit) return rows;
  return Math.max(1, Math.floor(limit / columns / VOCABULARY_STEP)) * VOCABULARY_STEP;
}

function makeChunk(
  index: number,
  elements: number,
  group: readonly Placed[],
  recipe: Recipe,
  moments: MomentFormats,
): Chunk {
  const { format: master, rounding } = recipe.storage('master');
  const copy = copyFormat(recipe);
  const tensor = (suffix: string, type: Tensor['type'], count = elements): Tensor => ({
    name: `parameters.${index}#${suffix}`,
    type,
    elements: count,
  });
  const firstUndecayed = group.find(({ spec }) => !spec.decays);
  return {
    elements,
    decayedElements: firstUndecayed ? firstUndecayed.offset : elements,
    master: tensor('master', master),
    compute: copy ? tensor('compute', copy) : undefined,
    low: rounding === 'split' ? tensor('low', 'u32', elements / 2) : undefined,
    gradient: tensor('grad', recipe.storage('gradient').format),
    firstMoment: tensor('m', moments.firstMoment),
    secondMoment: tensor('v', moments.secondMoment),
    groups: moments.scale === 'group' ? tensor('groups', 'f32', (4 * elements) / MOMENT_GROUP) : undefined,
  };
}

function tooLarge(spec: ParameterSpec, rows: number, maxBytes: number): EngineError {
  return new EngineError(
    'LIMIT_EXCEEDED',
    `${rows < spec.rows ? `A slice of ${spec.name}` : spec.name} needs ${mebibytes(rows * spec.columns * 4)} in one binding; this adapter allows ${mebibytes(maxBytes)}.`,
    spec.rowsOf === 'positions' ? 'Use a shorter context, or a smaller width.' : 'Use a smaller width.',
  );
}

/**
 * Gives the matrices that matmuls read tensors of their own in place of the master weights.
 * @param weightOf makes one, from the part's name and what it is a part of; null where matmuls read the master
 */
export function withComputeWeights(
  parameters: ParameterLayout['parameters'],
  weightOf: (name: string, spec: ParameterSpec, elements: number) => TensorSlice | null,
): { parameters: ParameterLayout['parameters']; computeWeights: readonly ComputeWeight[] } {
  const computeWeights: ComputeWeight[] = [];
  const replaced = [...parameters].map(([name, { spec, parts }]): [string, Parameter] => {
    if (!spec.matmul) return [name, { spec, parts }];
    const own = parts.map((part) => {
      const weight = weightOf(partName(name, part, parts), spec, part.master.elements);
      if (!weight) return part;
      computeWeights.push({ name: partName(name, part, parts), master: part.master, weight });
      return { ...part, weight };
    });
    return [name, { spec, parts: own }];
  });
  return { parameters: new Map(replaced), computeWeights };
}

/** A parameter's name, with the first row where it is one of several parts. */
export function partName(name: string, { firstRow }: ParameterPart, parts: readonly ParameterPart[]): string {
  return parts.length === 1 ? name : `${name} from row ${firstRow}`;
}
