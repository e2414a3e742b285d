/**
 * Packs parameters, gradients and optimizer states into flat chunks, so that one update covers many tensors and no chunk
 * exceeds the largest binding.
 */
import { EngineError } from '../core/errors.ts';
import { mebibytes } from '../core/mebibytes.ts';
import { slice, type Tensor, type TensorSlice } from '../gpu/tensor.ts';
import { fixedWords } from '../kernels/fixedMaster.ts';
import type { OptimizerRule } from '../kernels/optimizers/rule.ts';
import type { FormatId } from '../precision/formats.ts';
import { MOMENT_GROUP, type MomentFormats } from '../precision/optimStates.ts';
import { copyFormat } from '../precision/recipe.ts';
import type { Recipe } from '../precision/recipes.ts';
import type { BlockRounding } from '../precision/storage.ts';
import type { ParameterSpec } from './parameters.ts';

/**
 * In elements. Slices then start at multiples of 256 bytes in every format of at least one byte per element, and no group of
 * moments spans two parameters.
 */
const ALIGNMENT = 256;

/** How a group of parameters is updated. */
export interface UpdateRule {
  readonly optimizer: OptimizerRule;
  readonly moments: MomentFormats;
  /** Learning rate of the group, divided by the run's. */
  readonly rateFactor: number;
  /** Weight decay of the group, which is multiplied by its learning rate, divided by the run's. */
  readonly decayFactor: number;
  /** Whether each parameter is updated by itself even if the optimizer would update chunks. */
  readonly apart: boolean;
}

export interface Chunk {
  /** Null for frozen parameters, which have neither a gradient nor states. */
  readonly rule: UpdateRule | null;
  readonly elements: number;
  /** Number of leading elements that have weight decay. */
  readonly decayedElements: number;
  readonly master: Tensor;
  /** Rounded copy that matmuls read; undefined where they read the master itself. */
  readonly compute: Tensor | undefined;
  /** Lower halves of a split master, two in each word. */
  readonly low: Tensor | undefined;
  /** What rounding added to a compensated master, in its format. */
  readonly compensation: Tensor | undefined;
  /** Fixed-point weights, of which the master is the nearest f32; see kernels/fixedMaster.ts. */
  readonly fixed: Tensor | undefined;
  readonly gradient: Tensor | undefined;
  /** Keyed by the state names of the rule. */
  readonly states: Readonly<Record<string, Tensor>>;
  /** The averaged weights, f32; undefined where the run keeps none. */
  readonly average: Tensor | undefined;
  /** The weights of the lowest validation loss, in the master's format; undefined where the run keeps none. */
  readonly best: Tensor | undefined;
  /** Lower halves of the best weights of a split master. */
  readonly bestLow: Tensor | undefined;
  /** Four f32 for each group of moments, where moments are scaled by group; see shaders/lib/moments.wgsl. */
  readonly groups: Tensor | undefined;
}

/** Consecutive rows of a parameter that lie in one chunk. */
export interface ParameterPart {
  readonly firstRow: number;
  readonly rows: number;
  /** Index in {@link ParameterLayout.chunks}. */
  readonly chunk: number;
  readonly master: TensorSlice;
  /** The weights that matmuls read: the forward pass, and the backward pass too unless {@link backwardWeight} is another copy. */
  readonly weight: TensorSlice;
  /** What dX reads. */
  readonly backwardWeight: TensorSlice;
  /** Undefined where the parameter is frozen. */
  readonly gradient: TensorSlice | undefined;
  readonly states: Readonly<Record<string, TensorSlice>>;
  /** Undefined where the parameter is frozen, and in runs that keep no averages. */
  readonly average: TensorSlice | undefined;
  /** Undefined where the parameter is frozen, and in runs that keep no best weights. */
  readonly best: TensorSlice | undefined;
}

/** A part of a matrix whose copy for matmuls has a tensor of its own. */
export interface ComputeWeight {
  /** Name of the parameter, followed by the first row where the parameter is split. */
  readonly name: string;
  readonly master: TensorSlice;
  readonly weight: TensorSlice;
  /** Of blocks that have scales. */
  readonly rounding?: BlockRounding | undefined;
  /** Of the matrix. */
  readonly columns: number;
}

export interface Parameter {
  readonly spec: ParameterSpec;
  /** Null for a frozen parameter. */
  readonly rule: UpdateRule | null;
  /** One part, unless a vocabulary matrix exceeds the largest binding: then slices of {@link ParameterLayout.vocabularyRows}. */
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
 * The number of rows in a slice is a multiple of this. Cross entropy then adds a row of logits in the same order however the
 * vocabulary is sliced, in workgroups of up to 128 lanes with four columns each.
 */
const VOCABULARY_STEP = 512;

/** What a run keeps of the weights that it trains, apart from the weights. */
export interface KeptCopies {
  /** Averages. */
  readonly average?: boolean;
  /** Those of the lowest validation loss. */
  readonly best?: boolean;
}

interface Placed {
  readonly spec: ParameterSpec;
  readonly firstRow: number;
  readonly rows: number;
  readonly offset: number;
  readonly elements: number;
}

interface PlacedChunk {
  readonly rule: UpdateRule | null;
  readonly members: Placed[];
}

/**
 * Packs parameters into chunks of at most `maxBytes` (at four bytes per element) and slices vocabulary matrices that exceed
 * it. Parameters with the same rule share chunks, those with weight decay first; frozen parameters come last.
 * @param ruleOf returns how a trainable parameter is updated; equal rules must be the same object
 * @param keeps copies of the weights beside them
 * @throws EngineError LIMIT_EXCEEDED when a parameter, or the smallest slice of the vocabulary, exceeds `maxBytes`
 */
export function layoutParameters(
  specs: readonly ParameterSpec[],
  recipe: Recipe,
  ruleOf: (spec: ParameterSpec) => UpdateRule,
  maxBytes: number,
  keeps: KeptCopies = {},
): ParameterLayout {
  const limit = Math.floor(maxBytes / 4 / ALIGNMENT) * ALIGNMENT;
  const placed: PlacedChunk[] = [];
  let filled = 0;
  const place = (rule: UpdateRule | null, spec: ParameterSpec, firstRow: number, rows: number): void => {
    const elements = rows * spec.columns;
    const padded = Math.ceil(elements / ALIGNMENT) * ALIGNMENT;
    if (padded > limit) throw tooLarge(spec, rows, maxBytes);
    if (placed.at(-1)?.rule !== rule || filled + padded > limit) {
      placed.push({ rule, members: [] });
      filled = 0;
    }
    placed.at(-1)!.members.push({ spec, firstRow, rows, offset: filled, elements });
    filled += padded;
  };
  const vocabularyRows = vocabularySlice(specs, limit);
  const blocks = 1 + Math.max(...specs.map(({ block }) => block ?? -1));
  const copy = copyFormat(recipe);
  const readsCopy = ({ matmul, block }: ParameterSpec): boolean =>
    matmul && copy !== null && copy === recipe.storage('weight', { block, blocks }).format;
  for (const [rule, members] of groupsOf(specs, ruleOf)) {
    for (const spec of [...members.filter((s) => s.decays), ...members.filter((s) => !s.decays)]) {
      const step = spec.rowsOf === 'tokens' ? vocabularyRows : spec.rows;
      for (let first = 0; first < spec.rows; first += step)
        place(rule, spec, first, Math.min(step, spec.rows - first));
    }
  }
  const partsOf = new Map<ParameterSpec, ParameterPart[]>();
  const chunks = placed.map(({ rule, members }, index) => {
    const last = members.at(-1)!;
    const elements = Math.ceil((last.offset + last.elements) / ALIGNMENT) * ALIGNMENT;
    const chunk = makeChunk(index, elements, rule, members, recipe, copy, keeps);
    for (const { spec, firstRow, rows, offset, elements: count } of members) {
      const sliceOf = (tensor: Tensor): TensorSlice => slice(tensor, offset, count);
      const weight = sliceOf(readsCopy(spec) ? chunk.compute! : chunk.master);
      const part = {
        firstRow,
        rows,
        chunk: index,
        master: sliceOf(chunk.master),
        weight,
        backwardWeight: weight,
        gradient: chunk.gradient && sliceOf(chunk.gradient),
        states: mapStates(chunk.states, sliceOf),
        average: chunk.average && sliceOf(chunk.average),
        best: chunk.best && sliceOf(chunk.best),
      };
      const before = partsOf.get(spec);
      if (before) before.push(part);
      else partsOf.set(spec, [part]);
    }
    return chunk;
  });
  const parameters = new Map<string, Parameter>();
  for (const spec of specs) {
    const rule = spec.trainable ? ruleOf(spec) : null;
    parameters.set(spec.name, { spec, rule, parts: partsOf.get(spec)! });
  }
  return { specs, chunks, parameters, vocabularyRows };
}

/** Groups parameters by rule, in the order in which the rules first occur; frozen parameters come last. */
function groupsOf(
  specs: readonly ParameterSpec[],
  ruleOf: (spec: ParameterSpec) => UpdateRule,
): Map<UpdateRule | null, ParameterSpec[]> {
  const groups = new Map<UpdateRule | null, ParameterSpec[]>();
  const frozen: ParameterSpec[] = [];
  for (const spec of specs) {
    if (!spec.trainable) {
      frozen.push(spec);
      continue;
    }
    const rule = ruleOf(spec);
    const members = groups.get(rule);
    if (members) members.push(spec);
    else groups.set(rule, [spec]);
  }
  return frozen.length > 0 ? groups.set(null, frozen) : groups;
}

/** Applies a function to each state and keeps the names. */
export function mapStates<From, To>(
  states: Readonly<Record<string, From>>,
  of: (state: From) => To,
): Readonly<Record<string, To>> {
  const made: Record<string, To> = {};
  for (const name in states) made[name] = of(states[name]!);
  return made;
}

/** Elements up to the start of the next part. The padding stays zero and completes the last group of moments. */
export function paddedElements({ master }: ParameterPart): number {
  return Math.ceil(master.elements / ALIGNMENT) * ALIGNMENT;
}

/** Rows of a vocabulary matrix that are bound at a time: all of them, or as many whole steps as fit in `limit` elements. */
function vocabularySlice(specs: readonly ParameterSpec[], limit: number): number {
  const { rows, columns } = specs.find(({ rowsOf }) => rowsOf === 'tokens')!;
  if (rows * columns <= limit) return rows;
  return Math.max(1, Math.floor(limit / columns / VOCABULARY_STEP)) * VOCABULARY_STEP;
}

function makeChunk(
  index: number,
  elements: number,
  rule: UpdateRule | null,
  members: readonly Placed[],
  recipe: Recipe,
  copy: FormatId | null,
  keeps: KeptCopies,
): Chunk {
  const { format: master, rounding } = recipe.storage('master');
  const tensor = (suffix: string, type: Tensor['type'], count = elements): Tensor => ({
    name: `parameters.${index}#${suffix}`,
    type,
    elements: count,
  });
  const firstUndecayed = members.find(({ spec }) => !spec.decays);
  const states = rule?.optimizer.states.map(({ name, role }) => [name, tensor(name, rule.moments[role])]);
  return {
    rule,
    elements,
    decayedElements: firstUndecayed ? firstUndecayed.offset : elements,
    master: tensor('master', master),
    compute: copy ? tensor('compute', copy) : undefined,
    low: rounding === 'split' ? tensor('low', 'u32', elements / 2) : undefined,
    // Frozen weights are never rounded again.
    compensation: rule && rounding === 'compensated' ? tensor('compensation', master) : undefined,
    fixed: rule && rounding === 'fixed' ? tensor('fixed', 'u32', fixedWords(elements)) : undefined,
    gradient: rule ? tensor('grad', recipe.storage('gradient').format) : undefined,
    states: Object.fromEntries(states ?? []),
    average: rule && keeps.average ? tensor('average', 'f32') : undefined,
    best: rule && keeps.best ? tensor('best', master) : undefined,
    bestLow: rule && keeps.best && rounding === 'split' ? tensor('best low', 'u32', elements / 2) : undefined,
    groups:
      rule?.moments.scale === 'group' ? tensor('groups', 'f32', (4 * elements) / MOMENT_GROUP) : undefined,
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
 * Replaces the weights of matrices that matmuls read by tensors of their own.
 * @param weightsOf plans the tensors of a part, given its name, its parameter and its elements; null where matmuls read the master
 */
export function withComputeWeights(
  parameters: ParameterLayout['parameters'],
  weightsOf: (
    name: string,
    spec: ParameterSpec,
    elements: number,
  ) => (Pick<ParameterPart, 'weight' | 'backwardWeight'> & { readonly rounding: BlockRounding }) | null,
): { parameters: ParameterLayout['parameters']; computeWeights: readonly ComputeWeight[] } {
  const computeWeights: ComputeWeight[] = [];
  const replaced = [...parameters].map(([name, parameter]): [string, Parameter] => {
    const { spec, parts } = parameter;
    if (!spec.matmul) return [name, parameter];
    const own = parts.map((part) => {
      const own = partName(name, part, parts);
      const weights = weightsOf(own, spec, part.master.elements);
      if (!weights) return part;
      const { weight, backwardWeight, rounding } = weights;
      const { columns } = spec;
      computeWeights.push({ name: own, master: part.master, weight, columns, rounding });
      if (backwardWeight !== weight) {
        const second = { name: `${own} for dX`, weight: backwardWeight };
        computeWeights.push({ ...second, master: part.master, columns, rounding });
      }
      return { ...part, weight, backwardWeight };
    });
    return [name, { ...parameter, parts: own }];
  });
  return { parameters: new Map(replaced), computeWeights };
}

/** The parameter's name, followed by the first row where the parameter has several parts. */
export function partName(name: string, { firstRow }: ParameterPart, parts: readonly ParameterPart[]): string {
  return parts.length === 1 ? name : `${name} from row ${firstRow}`;
}
