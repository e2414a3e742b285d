/** Writes a model as a GGUF file, which llama.cpp and the programs built on it open. */
import { type GptConfig, headSize, keyValueHeads, mlpWidth } from '../config/gptConfig.ts';
import { readRopeScaling } from '../config/ropeScaling.ts';
import { rowOf } from '../config/settings/table.ts';
import { EngineError } from '../core/errors.ts';
import type { TokenizerJson } from '../data/tokenizer.ts';
import { exportedFamily, FAMILIES, type FamilyName } from './families.ts';
import { extract, type FamilyTensor, familyTensors } from './familyTensors.ts';
import { encodeBlocks } from './ggufBlocks.ts';
import { type GgufType, TENSOR_TYPES, type ValueToWrite } from './ggufFormat.ts';
import { GGUF_FAMILIES, ggufName, partsOf, reorderRows } from './ggufNames.ts';
import { ROPE_FACTORS, ropeFactors } from './ggufRope.ts';
import { type GgufVocabulary, ggufVocabulary } from './ggufVocabulary.ts';
import { type GgufTensorToWrite, writeGguf } from './ggufWrite.ts';

/** The number of a file's main number format in its metadata. */
const FILE_TYPES: Readonly<Record<GgufType, number>> = { F32: 0, F16: 1, Q4_0: 2, Q8_0: 7, BF16: 32 };
const QUANTIZATION_VERSION = 2;
/** Numbers that are converted at a time: whole blocks. */
const PIECE = 2 ** 18;

/**
 * Returns a function that writes the file. Matrices are in `type`, or in F16 where their rows are no whole blocks of it; vectors and
 * learned positions are in F32.
 * @param valuesOf returns (rows * columns) f32 of the engine's parameter called `name`
 * @throws EngineError BAD_VALUE naming what the format cannot express; NOT_FINITE while the file is written; RangeError
 * before `loadTokenizer`
 */
export function ggufPieces(
  gpt: GptConfig,
  tokenizer: TokenizerJson,
  type: GgufType,
  valuesOf: (name: string) => Float32Array | Promise<Float32Array>,
): () => AsyncGenerator<Uint8Array> {
  const family = ggufFamily(gpt);
  const vocabulary = ggufVocabulary(tokenizer, gpt.vocabulary);
  const metadata = new Map([...modelValues(gpt, family, type, vocabulary.rows), ...vocabulary.metadata]);
  const tensors = tensorsOf(gpt, family, type, vocabulary, valuesOf);
  return () => writeGguf(metadata, tensors);
}

/**
 * Refuses what llama.cpp computes otherwise: it has one MLP for each family whatever a file says, and would compute another
 * model as that.
 * @returns the family that a GGUF file takes
 * @throws EngineError BAD_VALUE naming the setting, or as `exportedFamily`
 */
export function ggufFamily(
  model: Parameters<typeof exportedFamily>[0] & Pick<GptConfig, 'ropeScaling'>,
): FamilyName {
  const family = exportedFamily(model);
  const { mlp, scaled } = GGUF_FAMILIES[family];
  const refuse = (field: 'mlp' | 'ropeScaling', has: string): EngineError =>
    new EngineError(
      'BAD_VALUE',
      `The model has ${rowOf(field).option} ${model[field]}; llama.cpp computes ${has} for ${FAMILIES[family].title}.`,
      'Export for Hugging Face instead.',
    );
  if (model.mlp !== mlp) throw refuse('mlp', mlp);
  if (model.position === 'rope' && model.ropeScaling !== 'none' && !scaled)
    throw refuse('ropeScaling', 'none');
  return family;
}

function modelValues(
  gpt: GptConfig,
  family: FamilyName,
  type: GgufType,
  rows: number,
): [string, ValueToWrite][] {
  const { architecture, keys } = GGUF_FAMILIES[family];
  const sizes = {
    ...gpt,
    keyValueHeads: keyValueHeads(gpt),
    headSize: headSize(gpt),
    intermediate: mlpWidth(gpt),
  };
  const u32 = (value: number): ValueToWrite => ({ type: 'u32', value });
  const f32 = (value: number): ValueToWrite => ({ type: 'f32', value });
  const entries: [string, ValueToWrite][] = [
    ['general.architecture', { type: 'string', value: architecture }],
    ['general.name', { type: 'string', value: 'Halfstep' }],
    ['general.file_type', u32(FILE_TYPES[type])],
    ...(Object.entries(keys) as [keyof typeof keys, string][]).map(([size, key]): [string, ValueToWrite] => [
      `${architecture}.${key}`,
      size === 'normEpsilon' ? f32(sizes[size]) : u32(sizes[size]),
    ]),
  ];
  if (TENSOR_TYPES[type].block > 1) entries.push(['general.quantization_version', u32(QUANTIZATION_VERSION)]);
  if (gpt.position === 'rope') {
    entries.push(
      [`${architecture}.attention.value_length`, u32(sizes.headSize)],
      [`${architecture}.rope.dimension_count`, u32(sizes.headSize)],
      [`${architecture}.rope.freq_base`, f32(gpt.ropeBase)],
      [`${architecture}.vocab_size`, u32(rows)],
    );
  }
  return entries;
}

function tensorsOf(
  gpt: GptConfig,
  family: FamilyName,
  type: GgufType,
  vocabulary: GgufVocabulary,
  valuesOf: (name: string) => Float32Array | Promise<Float32Array>,
): GgufTensorToWrite[] {
  // llama.cpp has matrices as (out, in) in every family.
  const tensors = familyTensors(gpt, family, { linear: true }).map((tensor) =>
    tensorToWrite(gpt, family, type, vocabulary, tensor, valuesOf),
  );
  const scaling = readRopeScaling(gpt.ropeScaling);
  if (gpt.position !== 'rope' || !scaling) return tensors;
  const factors = ropeFactors(scaling, gpt.ropeBase, headSize(gpt));
  return [...tensors, ofType(ROPE_FACTORS, 'F32', [factors.length], async () => factors)];
}

function tensorToWrite(
  gpt: GptConfig,
  family: FamilyName,
  type: GgufType,
  { rows, addsEnd }: GgufVocabulary,
  tensor: FamilyTensor,
  valuesOf: (name: string) => Float32Array | Promise<Float32Array>,
): GgufTensorToWrite {
  const { prefix, blocks } = FAMILIES[family].tensors;
  const parts = partsOf(
    tensor.name.startsWith(prefix) ? tensor.name.slice(prefix.length) : tensor.name,
    blocks,
  );
  const { name, rowsOf, columns } = tensor.parameter;
  const ofTokens = rowsOf === 'tokens';
  const shape = ofTokens ? [rows, columns] : tensor.shape;
  const isPaired = GGUF_FAMILIES[family].paired.includes(parts.module);
  return ofType(ggufName(family, parts), typeFor(type, shape, rowsOf), shape, async () => {
    const values = extract(await valuesOf(name), tensor);
    if (ofTokens && addsEnd) return withEndRow(values, columns);
    return isPaired ? reorderRows(values, shape[0]!, headSize(gpt), 'pairs') : values;
  });
}

function typeFor(
  type: GgufType,
  shape: readonly number[],
  rowsOf: FamilyTensor['parameter']['rowsOf'],
): GgufType {
  if (shape.length === 1 || rowsOf === 'positions') return 'F32';
  return shape[1]! % TENSOR_TYPES[type].block === 0 ? type : 'F16';
}

function ofType(
  name: string,
  type: GgufType,
  shape: readonly number[],
  valuesOf: () => Promise<Float32Array>,
): GgufTensorToWrite {
  return {
    ...{ name, type, shape },
    async *pieces() {
      const values = await valuesOf();
      for (let at = 0; at < values.length; at += PIECE) {
        yield encodeBlocks(type, name, values.subarray(at, at + PIECE));
      }
    },
  };
}

/**
 * Adds the row of the end of a document, which the model was not trained to write. It is the mean of the others, so that its
 * logit is the mean of theirs: never above the largest, and far below it wherever the model prefers some token.
 */
function withEndRow(values: Float32Array, columns: number): Float32Array {
  const rows = values.length / columns;
  const mean = new Float64Array(columns);
  for (let i = 0; i < values.length; i++) mean[i % columns]! += values[i]! / rows;
  const out = new Float32Array(values.length + columns);
  out.set(values);
  out.set(mean, values.length);
  return out;
}
