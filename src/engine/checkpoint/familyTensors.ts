/**
 * Maps the engine's parameters to the tensors of a family's files, and back. A file may hold the outputs of one parameter
 * in several tensors (q, k and v; gate and up), and matrices as (out, in).
 */
import { type GptConfig, headSize, keyValueHeads, mlpWidth } from '../config/gptConfig.ts';
import { parameterSpecs } from '../model/decoder.ts';
import type { ParameterSpec } from '../model/parameters.ts';
import { FAMILIES, type FamilyName, type FamilyTensors } from './families.ts';

/** A tensor of a file, and the part of a parameter that it holds. */
export interface FamilyTensor {
  /** As the class with the LM head names it. */
  readonly name: string;
  /** In the file. */
  readonly shape: readonly number[];
  readonly parameter: ParameterSpec;
  /** The parameter's columns that it holds. */
  readonly firstColumn: number;
  readonly columns: number;
  /** Whether the file has it as (columns, rows). */
  readonly transposed: boolean;
}

/**
 * Returns all tensors of a model, in the order of the engine's parameters.
 * @param layout of the matrices, where a file differs from its family
 * @throws RangeError for a parameter that the family does not have
 */
export function familyTensors(
  config: GptConfig,
  family: FamilyName,
  layout: Partial<Pick<FamilyTensors, 'linear'>> = {},
): FamilyTensor[] {
  const names = { ...FAMILIES[family].tensors, ...layout };
  return parameterSpecs(config).flatMap((spec) => tensorsOf(config, names, spec));
}

function tensorsOf(config: GptConfig, names: FamilyTensors, parameter: ParameterSpec): FamilyTensor[] {
  const { module, end } = parts(parameter);
  const modules = names.modules[module];
  if (!modules) throw new RangeError(`No tensor of the family holds ${parameter.name}`);
  const block = parameter.block === null ? '' : `${names.blocks}${parameter.block}.`;
  const prefix = module === 'lm_head' ? '' : names.prefix;
  const transposed = names.linear && parameter.rowsOf === 'inputs';
  const rows = parameter.learnedRows;
  let firstColumn = 0;
  return widthsOf(config, module, modules.length, parameter.columns).map((columns, i) => {
    const matrix = transposed ? [columns, rows] : [rows, columns];
    const tensor: FamilyTensor = {
      name: `${prefix}${block}${modules[i]}${end}`,
      shape: parameter.rowsOf === null ? [columns] : matrix,
      ...{ parameter, firstColumn, columns, transposed },
    };
    firstColumn += columns;
    return tensor;
  });
}

/** Splits "h.3.attn.c_attn.weight" into its module within the block and its end. */
function parts({ name, block }: ParameterSpec): { readonly module: string; readonly end: string } {
  const local = block === null ? name : name.split('.').slice(2).join('.');
  const end = /\.(weight|bias)$/.exec(local)?.[0] ?? '';
  return { module: local.slice(0, local.length - end.length), end };
}

/** Numbers of columns of the tensors that hold a parameter together. */
function widthsOf(config: GptConfig, module: string, count: number, columns: number): readonly number[] {
  if (count === 1) return [columns];
  if (module !== 'attn.c_attn') return [mlpWidth(config), mlpWidth(config)];
  const [query, key] = [config.heads, keyValueHeads(config)].map((heads) => heads * headSize(config));
  return [query!, key!, key!];
}

/**
 * Copies a tensor's numbers to their place in the parameter.
 * @param values as in the file
 * @param into (rows * columns) of the parameter
 */
export function insert(values: Float32Array, tensor: FamilyTensor, into: Float32Array): void {
  const { parameter, firstColumn, columns, transposed } = tensor;
  const { learnedRows: rows, columns: all } = parameter;
  if (columns === all && !transposed) {
    into.set(values);
    return;
  }
  for (let row = 0; row < rows; row++) {
    const to = row * all + firstColumn;
    if (transposed) for (let i = 0; i < columns; i++) into[to + i] = values[i * rows + row]!;
    else into.set(values.subarray(row * columns, (row + 1) * columns), to);
  }
}

/** Returns a tensor's numbers as the file has them. @param from (rows * columns) of the parameter */
export function extract(from: Float32Array, tensor: FamilyTensor): Float32Array {
  const { parameter, firstColumn, columns, transposed } = tensor;
  const { learnedRows: rows, columns: all } = parameter;
  if (columns === all && !transposed) return from.subarray(0, rows * columns);
  const values = new Float32Array(rows * columns);
  for (let row = 0; row < rows; row++) {
    const at = row * all + firstColumn;
    if (transposed) for (let i = 0; i < columns; i++) values[i * rows + row] = from[at + i]!;
    else values.set(from.subarray(at, at + columns), row * columns);
  }
  return values;
}
