/** The parameters of a layer: their shapes (Conv1D layout: [in, out]), initial values, and the meaning of their rows. */
import { normalAt, streamOf } from '../core/rng.ts';
import type { Site } from './site.ts';

export interface ParameterSpec {
  /** The name in GPT-2 checkpoints. */
  readonly name: string;
  /** The block it belongs to; null outside of all blocks. */
  readonly block: number | null;
  /** 1 for a vector. Vocabulary matrices include padding rows. */
  readonly rows: number;
  readonly columns: number;
  /** What each row of a matrix stands for: a token, a position, or an input of a linear layer; null for vectors. */
  readonly rowsOf: 'tokens' | 'positions' | 'inputs' | null;
  /** Columns of each of the matrices that lie side by side in it, as q, k and v do; all columns where it is one matrix or a vector. */
  readonly sideBySide: readonly number[];
  /** Number of leading rows that are learned; the others pad the vocabulary and stay zero. */
  readonly learnedRows: number;
  /** Weight decay applies to matrices only (nanoGPT's grouping: two or more dimensions). */
  readonly decays: boolean;
  /** Its learning rate, divided by that of the run. */
  readonly rateFactor: number;
  /** A frozen parameter has no gradient and no optimizer states, and keeps its values. */
  readonly trainable: boolean;
  /** Whether matmuls read it. If so, it has a copy in the recipe's weight format where that differs from the master's. */
  readonly matmul: boolean;
  readonly init:
    | { readonly kind: 'normal'; readonly std: number }
    | { readonly kind: 'constant'; readonly value: number };
}

/** GPT-2's standard deviation of initial weights. */
export const INITIAL_STD = 0.02;

/** A matrix (rows, columns), drawn from a normal distribution. */
export function matrix(
  { name, block }: Site,
  shape: Pick<ParameterSpec, 'rows' | 'columns' | 'matmul'> & {
    readonly rowsOf: NonNullable<ParameterSpec['rowsOf']>;
    readonly learnedRows?: number;
    readonly sideBySide?: readonly number[];
  },
  std = INITIAL_STD,
): ParameterSpec {
  const { rows, columns, matmul, rowsOf, learnedRows = rows, sideBySide = [columns] } = shape;
  const init = { kind: 'normal', std } as const;
  return {
    name,
    block,
    rows,
    columns,
    rowsOf,
    sideBySide,
    learnedRows,
    decays: true,
    rateFactor: 1,
    trainable: true,
    matmul,
    init,
  };
}

/** A vector (columns) whose initial values are all `value`. */
export function vector({ name, block }: Site, columns: number, value: number): ParameterSpec {
  const init = { kind: 'constant', value } as const;
  return {
    name,
    block,
    rows: 1,
    columns,
    rowsOf: null,
    sideBySide: [columns],
    learnedRows: 1,
    decays: false,
    rateFactor: 1,
    trainable: true,
    matmul: false,
    init,
  };
}

/** Number of learned values of a parameter, without the rows that pad the vocabulary. */
export function learnedElements({ learnedRows, columns }: ParameterSpec): number {
  return learnedRows * columns;
}

/**
 * Initial values of one parameter, (rows, columns) f32. They depend only on the seed and on the parameter's name, shape and
 * distribution, so that all precision modes start from the same values.
 */
export function initialValues(spec: ParameterSpec, seed: number): Float32Array {
  const values = new Float32Array(spec.rows * spec.columns);
  if (spec.init.kind === 'constant') return values.fill(spec.init.value);
  const stream = streamOf(spec.name, seed);
  for (let i = 0; i < learnedElements(spec); i++) values[i] = spec.init.std * normalAt(i, stream);
  return values;
}
