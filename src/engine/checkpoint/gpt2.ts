/**
 * Maps GPT-2 checkpoints of other tools to this engine's parameters. Names may have the prefix `transformer.` and the
 * prefixes of PyTorch's wrappers. Matrices may be in Conv1D layout (in, out), as OpenAI and Hugging Face write them, or
 * in Linear layout (out, in), as nanoGPT does.
 */

import { GPT2_KINDS, type GptConfig } from '../config/gptConfig.ts';
import { EngineError } from '../core/errors.ts';
import { quote } from '../core/strictJson.ts';
import { parameterSpecs } from '../model/decoder.ts';
import { learnedElements, type ParameterSpec } from '../model/parameters.ts';
import { DTYPE_BYTES, encodeHalves } from './dtypes.ts';
import { readFloats, type SafetensorsFile, type TensorToWrite, tensorPieces } from './safetensors.ts';
import type { TensorInfo } from './safetensorsHeader.ts';

/** Formats that a model can be exported in. */
export const EXPORT_DTYPES = ['F32', 'F16'] as const;
export type ExportDtype = (typeof EXPORT_DTYPES)[number];

/**
 * What weights alone say about a model. The number of heads does not show in them. Nor does the kind of MLP, which is
 * assumed to be GPT-2's until a file says otherwise.
 */
export type WeightsShape = Omit<GptConfig, 'heads'>;

/** The parameters of a GPT-2 in a file, which are read one at a time. */
export interface Gpt2Weights {
  readonly shape: WeightsShape;
  /** Whether matrices are stored (out, in). */
  readonly linear: boolean;
  /**
   * Reads a parameter in the engine's layout: (rows * columns) f32, including the padding rows of vocabulary matrices.
   * @throws EngineError NOT_FINITE, BAD_FILE or WRONG_MODEL, as `readFloats`
   */
  read(name: string): Promise<Float32Array>;
}

const PREFIX = 'transformer.';
/** Parts that `torch.compile`, DDP, FSDP and activation checkpointing add to the names of modules. */
const WRAPPERS: ReadonlySet<string> = new Set([
  '_orig_mod',
  'module',
  '_fsdp_wrapped_module',
  '_checkpoint_wrapped_module',
]);
/** Causal masks that older files contain. They are not parameters. */
const BUFFER = /^h\.\d+\.attn\.(masked_)?bias$/;
const HEAD = 'lm_head.weight';

/**
 * Finds every parameter of a GPT-2 and refuses files with other tensors. It reads tensor data only to check whether the
 * LM head is a copy of the token embedding.
 * @throws EngineError WRONG_MODEL naming the tensor and both shapes
 */
export async function openGpt2(file: SafetensorsFile): Promise<Gpt2Weights> {
  const tensors = byParameterName(file);
  const shape = await shapeOf(file, tensors);
  const specs = parameterSpecs({ ...shape, heads: 1 });
  const layout = new MatrixLayout(file.source.name);
  const transposed = new Map<string, boolean>();
  for (const spec of specs) {
    const tensor = required(file, tensors, spec.name);
    transposed.set(spec.name, layout.isTransposed(spec, tensor));
  }
  const unexpected = [...tensors].find(([name]) => !transposed.has(name) && name !== HEAD)?.[1];
  if (unexpected) {
    throw wrongModel(
      file.source.name,
      `has ${unexpected.name} [${unexpected.shape.join(', ')}], which a GPT-2 of ${shape.layers} layers does not have`,
    );
  }
  return {
    shape,
    linear: layout.transposed,
    async read(name) {
      const spec = specs.find((each) => each.name === name)!;
      const values = await readFloats(file, tensors.get(name)!);
      if (transposed.get(name)) return transpose(values, spec.rows, spec.columns);
      if (spec.learnedRows === spec.rows) return values;
      const padded = new Float32Array(spec.rows * spec.columns);
      padded.set(values);
      return padded;
    },
  };
}

/** Maps parameter names, without prefixes and wrappers, to their tensors, and leaves out buffers. */
function byParameterName({ tensors, source }: SafetensorsFile): Map<string, TensorInfo> {
  const named = new Map<string, TensorInfo>();
  for (const tensor of tensors.values()) {
    const name = parameterName(tensor.name);
    if (BUFFER.test(name)) continue;
    const other = named.get(name);
    if (other) {
      throw wrongModel(
        source.name,
        `has ${quote(name)} twice, as ${quote(other.name)} and as ${quote(tensor.name)}`,
      );
    }
    named.set(name, tensor);
  }
  return named;
}

function parameterName(tensor: string): string {
  const name = tensor
    .split('.')
    .filter((part) => !WRAPPERS.has(part))
    .join('.');
  return name.startsWith(PREFIX) ? name.slice(PREFIX.length) : name;
}

async function shapeOf(
  file: SafetensorsFile,
  tensors: ReadonlyMap<string, TensorInfo>,
): Promise<WeightsShape> {
  const [vocabulary, width] = matrixShape(file, required(file, tensors, 'wte.weight'), '[vocabulary, width]');
  const [context] = matrixShape(file, required(file, tensors, 'wpe.weight'), '[context, width]');
  const numbers = [...tensors.keys()].flatMap((name) => /^h\.(\d+)\./.exec(name)?.[1] ?? []);
  const head = tensors.get(HEAD);
  const tied = !head || (await sameBytes(file, head, tensors.get('wte.weight')!));
  return { layers: new Set(numbers).size, width, context, vocabulary, tied, ...GPT2_KINDS };
}

function matrixShape(
  { source }: SafetensorsFile,
  { name, shape }: TensorInfo,
  wanted: string,
): [number, number] {
  if (shape.length === 2 && shape[0]! > 0 && shape[1]! > 0) return shape as unknown as [number, number];
  throw wrongModel(source.name, `has ${name} of shape [${shape.join(', ')}], not ${wanted}`);
}

function required(
  { source }: SafetensorsFile,
  tensors: ReadonlyMap<string, TensorInfo>,
  name: string,
): TensorInfo {
  const tensor = tensors.get(name);
  if (!tensor) throw wrongModel(source.name, `has no ${name}`);
  return tensor;
}

async function sameBytes(file: SafetensorsFile, a: TensorInfo, b: TensorInfo): Promise<boolean> {
  if (a.dtype !== b.dtype || a.bytes !== b.bytes) return false;
  const others = tensorPieces(file, b);
  for await (const piece of tensorPieces(file, a)) {
    const other = (await others.next()).value as Uint8Array;
    if (piece.some((byte, i) => byte !== other[i])) return false;
  }
  return true;
}

/** Detects the layout of a file's matrices. The first one that is not square decides it for all. */
class MatrixLayout {
  readonly #file: string;
  #decided: { readonly by: string; readonly transposed: boolean } | null = null;

  constructor(file: string) {
    this.#file = file;
  }

  /** Whether matrices are stored (out, in); false when there are none. */
  get transposed(): boolean {
    return this.#decided?.transposed ?? false;
  }

  isTransposed(spec: ParameterSpec, { shape }: TensorInfo): boolean {
    const { name, columns, learnedRows: rows } = spec;
    const isProjection = spec.rowsOf === 'inputs';
    const wanted = spec.rowsOf === null ? [columns] : [rows, columns];
    const matches = (sizes: readonly number[]) =>
      sizes.length === shape.length && sizes.every((size, i) => size === shape[i]);
    const turned = isProjection && matches([columns, rows]);
    if (!turned && !matches(wanted)) {
      const or = isProjection && rows !== columns ? ` or [${columns}, ${rows}]` : '';
      throw wrongModel(
        this.#file,
        `has ${name} of shape [${shape.join(', ')}], not [${wanted.join(', ')}]${or}`,
      );
    }
    if (!isProjection) return false;
    // The first projection, c_attn, is (C, 3 C) and has decided the layout before the first square one.
    if (rows === columns) return this.#decided!.transposed;
    this.#decided ??= { by: name, transposed: turned };
    if (this.#decided.transposed !== turned) {
      throw wrongModel(
        this.#file,
        `has ${this.#decided.by} and ${name} in different layouts, (in, out) and (out, in)`,
      );
    }
    return turned;
  }
}

/** @param values (columns, rows)  @returns (rows, columns) */
function transpose(values: Float32Array, rows: number, columns: number): Float32Array {
  const out = new Float32Array(values.length);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++)
      out[row * columns + column] = values[column * rows + row]!;
  }
  return out;
}

/**
 * Returns a model's tensors as Hugging Face's `GPT2LMHeadModel` saves them: in Conv1D layout, without the padding rows of
 * the vocabulary, and without an LM head if it is tied to the token embedding.
 * @param valuesOf returns (rows * columns) f32 of the engine's parameter called `name`
 * @throws EngineError NOT_FINITE, while the tensors are written, naming the tensor with a value that is not finite or too
 * large for F16
 */
export function gpt2Tensors(
  config: GptConfig,
  dtype: ExportDtype,
  valuesOf: (name: string) => Float32Array | Promise<Float32Array>,
): TensorToWrite[] {
  return parameterSpecs(config).map((spec) => {
    const { name, learnedRows, columns, rowsOf } = spec;
    return {
      name: name === HEAD ? name : PREFIX + name,
      dtype,
      shape: rowsOf === null ? [columns] : [learnedRows, columns],
      pieces: () => piecesOf(name, dtype, valuesOf(name), learnedElements(spec)),
    };
  });
}

/** Numbers that are converted at a time. */
const PIECE = 2 ** 20 / DTYPE_BYTES.F32;

async function* piecesOf(
  name: string,
  dtype: ExportDtype,
  all: Float32Array | Promise<Float32Array>,
  count: number,
): AsyncGenerator<Uint8Array> {
  const values = (await all).subarray(0, count);
  for (let at = 0; at < values.length; at += PIECE) {
    const part = values.subarray(at, at + PIECE);
    yield dtype === 'F16'
      ? encodeHalves(name, part)
      : new Uint8Array(part.buffer, part.byteOffset, part.byteLength);
  }
}

export function wrongModel(file: string, what: string): EngineError {
  return new EngineError(
    'WRONG_MODEL',
    `"${file}" ${what}.`,
    'Give the safetensors file of a GPT-2 language model from Hugging Face, nanoGPT (with biases) or Halfstep.',
  );
}
