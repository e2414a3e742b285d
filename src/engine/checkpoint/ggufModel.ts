/**
 * Reads a GGUF file as the files that it was converted from: tensors under Hugging Face's names, a config.json and a
 * tokenizer.
 */

import { EngineError } from '../core/errors.ts';
import { quote } from '../core/strictJson.ts';
import { firstNonFinite } from './dtypes.ts';
import type { FamilyName } from './families.ts';
import { FAMILIES } from './families.ts';
import { decodeBlocks } from './ggufBlocks.ts';
import { TENSOR_TYPES } from './ggufFormat.ts';
import { type GgufFile, type GgufTensor, openGguf } from './ggufHeader.ts';
import { GGUF_FAMILIES, readGgufName, reorderRows } from './ggufNames.ts';
import { ROPE_FACTORS, ropeScalingOf } from './ggufRope.ts';
import { ggufTokenizer } from './ggufTokenizer.ts';
import { bytesSource, type RandomAccess, readExactly } from './randomAccess.ts';
import type { StoredTensor, StoredWeights } from './storedWeights.ts';

export interface GgufModel {
  readonly weights: StoredWeights;
  /** A config.json with what the metadata say. */
  readonly config: RandomAccess;
  readonly tokenizer: Awaited<ReturnType<typeof ggufTokenizer>>;
}

/** Families by their architecture in GGUF; a Mistral without its sliding window is a Llama there too. */
const READ: readonly FamilyName[] = ['gpt2', 'llama', 'qwen2', 'qwen3'];

/**
 * @throws EngineError BAD_FILE as `openGguf`; WRONG_MODEL naming what the engine does not compute, or a value that is
 * missing
 */
export async function openGgufModel(source: RandomAccess): Promise<GgufModel> {
  const file = await openGguf(source);
  const family = familyOf(file);
  refuseOptions(file, family);
  const config = await configOf(file, family);
  return {
    weights: { name: source.name, metadata: new Map(), tensors: tensorsOf(file, family, config) },
    config: bytesSource('metadata', new TextEncoder().encode(JSON.stringify(config))),
    tokenizer: await ggufTokenizer(file),
  };
}

function familyOf({ metadata, source }: GgufFile): FamilyName {
  const architecture = metadata.get('general.architecture');
  const family = READ.find((each) => GGUF_FAMILIES[each].architecture === architecture);
  if (family) return family;
  const names = READ.map((each) => GGUF_FAMILIES[each].architecture);
  throw wrongGguf(
    source.name,
    typeof architecture === 'string'
      ? `is of the architecture ${quote(architecture)}; ${names.join(', ')} are read`
      : 'does not name its architecture',
  );
}

/** Options that change what a model computes. */
function refuseOptions({ metadata, source }: GgufFile, family: FamilyName): void {
  const { architecture } = GGUF_FAMILIES[family];
  if (Number(metadata.get('split.count') ?? 1) > 1) {
    throw wrongGguf(
      source.name,
      `is part ${Number(metadata.get('split.no') ?? 0) + 1} of ${Number(metadata.get('split.count'))}`,
      "Join the parts first, with llama.cpp's llama-gguf-split --merge.",
    );
  }
  const refused: readonly [string, (value: unknown) => boolean][] = [
    ['expert_count', (value) => value !== 0],
    ['attention.sliding_window', (value) => value !== 0],
    ['rope.scaling.type', (value) => value !== 'none'],
    ['attention.clamp_kqv', (value) => value !== 0],
    ['attention.scale', (value) => value !== 0],
    ['logit_scale', (value) => value !== 0 && value !== 1],
    ['residual_scale', (value) => value !== 0 && value !== 1],
    ['embedding_scale', (value) => value !== 0 && value !== 1],
  ];
  for (const [key, isRefused] of refused) {
    const value = metadata.get(`${architecture}.${key}`);
    if (value === undefined || !isRefused(value)) continue;
    throw wrongGguf(
      source.name,
      `has ${architecture}.${key} ${String(value)}, which Halfstep does not compute`,
    );
  }
}

type Config = Readonly<Record<string, unknown>>;

async function configOf(file: GgufFile, family: FamilyName): Promise<Config> {
  const { metadata, tensors } = file;
  const { keys, activation } = FAMILIES[family];
  const sizes = (Object.keys(GGUF_FAMILIES[family].keys) as (keyof typeof keys)[]).flatMap((size) => {
    const value = metadata.get(`${GGUF_FAMILIES[family].architecture}.${GGUF_FAMILIES[family].keys[size]}`);
    return value === undefined ? [] : [[keys[size]!, shortest(shared(value, file, size))]];
  });
  const config = Object.fromEntries(sizes);
  const hasBias = tensors.has('blk.0.attn_q.bias');
  return {
    ...config,
    model_type: family,
    [keys.vocabulary!]: tensors.get('token_embd.weight')?.shape[0],
    [activation.key]: family === 'gpt2' ? 'gelu_new' : 'silu',
    tie_word_embeddings: !tensors.has('output.weight'),
    ...(family !== 'gpt2' && (await ropeOf(file, family, config))),
    ...(family === 'llama' && {
      attention_bias: hasBias,
      mlp_bias: tensors.has('blk.0.ffn_up.bias'),
    }),
  };
}

/** The shortest decimal number that a number in f32 stands for, as 1e-5 for 0.0000099999997. */
function shortest(value: unknown): unknown {
  if (typeof value !== 'number' || Number.isInteger(value)) return value;
  for (let digits = 1; digits < 9; digits++) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === value) return short;
  }
  return value;
}

/** A number of the metadata, which may be a list of equal numbers with one for each block. */
function shared(value: unknown, { source }: GgufFile, size: string): unknown {
  if (!Array.isArray(value)) return value;
  const [first] = value;
  if (value.every((each) => each === first)) return first;
  throw wrongGguf(source.name, `has blocks that differ in ${size}, which Halfstep does not compute`);
}

async function ropeOf(file: GgufFile, family: FamilyName, config: Config): Promise<Config> {
  const { metadata, source } = file;
  const { architecture } = GGUF_FAMILIES[family];
  const { keys } = FAMILIES[family];
  const [heads, width] = [Number(config[keys.heads!]), Number(config[keys.width!])];
  const headSize = Number(config[keys.headSize!] ?? width / heads);
  for (const key of ['rope.dimension_count', 'attention.value_length']) {
    const value = metadata.get(`${architecture}.${key}`);
    if (value === undefined || value === headSize) continue;
    throw wrongGguf(
      source.name,
      `has ${architecture}.${key} ${String(value)} with heads of ${headSize} channels, which Halfstep does not compute`,
    );
  }
  const base = shortest(metadata.get(`${architecture}.rope.freq_base`) ?? 10_000);
  const factors = file.tensors.get(ROPE_FACTORS);
  if (!factors) return { rope_theta: base };
  const scaling = ropeScalingOf(await floatsOf(file, factors), Number(base), headSize);
  if (!scaling) throw wrongGguf(source.name, `has ${ROPE_FACTORS} that are not Llama 3's`);
  return { rope_theta: base, rope_scaling: scaling };
}

function tensorsOf(file: GgufFile, family: FamilyName, config: Config): ReadonlyMap<string, StoredTensor> {
  const { prefix, blocks } = FAMILIES[family].tensors;
  const { keys } = FAMILIES[family];
  const heads = Number(config[keys.heads!]);
  const headSize = Number(config[keys.headSize!] ?? Number(config[keys.width!]) / heads);
  const tensors = new Map<string, StoredTensor>();
  for (const tensor of file.tensors.values()) {
    if (tensor.name === ROPE_FACTORS) continue;
    const parts = readGgufName(family, tensor.name);
    const block = parts?.block === null || !parts ? '' : `${blocks}${parts.block}.`;
    const name = parts
      ? `${parts.module === 'lm_head' ? '' : prefix}${block}${parts.module}${parts.end}`
      : tensor.name;
    const isPaired = parts !== null && GGUF_FAMILIES[family].paired.includes(parts.module);
    if (isPaired && !(headSize > 0 && tensor.shape[0]! % headSize === 0)) {
      throw wrongGguf(
        file.source.name,
        `has ${tensor.name} with ${tensor.shape[0]} rows, not a multiple of the ${headSize} channels of a head`,
      );
    }
    tensors.set(name, {
      name,
      dtype: tensor.type,
      shape: tensor.shape,
      pieces: () => piecesOf(file, tensor),
      floats: async () => {
        const values = await floatsOf(file, tensor);
        return isPaired ? reorderRows(values, tensor.shape[0]!, headSize, 'halves') : values;
      },
    });
  }
  return tensors;
}

/** Blocks that are read at a time. */
const PIECE_BLOCKS = 2 ** 15;

async function* piecesOf(
  { source }: GgufFile,
  { type, offset, bytes }: GgufTensor,
): AsyncGenerator<Uint8Array> {
  const most = PIECE_BLOCKS * TENSOR_TYPES[type].bytes;
  for (let at = 0; at < bytes; at += most) {
    yield await readExactly(source, offset + at, Math.min(most, bytes - at));
  }
}

/** @throws EngineError NOT_FINITE naming the tensor */
async function floatsOf(file: GgufFile, tensor: GgufTensor): Promise<Float32Array> {
  const { block, bytes: size } = TENSOR_TYPES[tensor.type];
  const values = new Float32Array(tensor.elements);
  let at = 0;
  for await (const piece of piecesOf(file, tensor)) {
    const part = values.subarray(at, at + (piece.length / size) * block);
    decodeBlocks(tensor.type, piece, part);
    at += part.length;
  }
  const found = firstNonFinite(values);
  if (found < 0) return values;
  throw new EngineError(
    'NOT_FINITE',
    `${tensor.name} in "${file.source.name}" is ${values[found]} at element ${found} of ${tensor.elements}.`,
    'A model with such a weight gives only non-finite results. Use another file of the model.',
  );
}

function wrongGguf(
  file: string,
  what: string,
  hint = 'Give the GGUF file of a GPT-2, Llama, Mistral or Qwen, or the safetensors files of another model that Halfstep trains.',
): EngineError {
  return new EngineError('WRONG_MODEL', `"${file}" ${what}.`, hint);
}
