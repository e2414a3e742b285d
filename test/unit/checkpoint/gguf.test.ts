/** GGUF files: what is written is read back, in every number format and with every tokenizer. */
import { beforeAll, describe, expect, test } from 'vitest';
import type { FamilyName } from '../../../src/engine/checkpoint/families.ts';
import { kindsOfFamily } from '../../../src/engine/checkpoint/families.ts';
import { ggufPieces } from '../../../src/engine/checkpoint/ggufFile.ts';
import type { GgufType } from '../../../src/engine/checkpoint/ggufFormat.ts';
import { openGguf } from '../../../src/engine/checkpoint/ggufHeader.ts';
import { openModel, readModel } from '../../../src/engine/checkpoint/modelFile.ts';
import { bytesSource } from '../../../src/engine/checkpoint/randomAccess.ts';
import { GPT2_KINDS, type GptConfig } from '../../../src/engine/config/gptConfig.ts';
import { loadGpt2 } from '../../../src/engine/data/gpt2.ts';
import { loadPatterns } from '../../../src/engine/data/loaded/patterns.ts';
import {
  createTokenizer,
  documentTokens,
  type TokenizerJson,
  tokensIn,
} from '../../../src/engine/data/tokenizer.ts';
import { parameterSpecs } from '../../../src/engine/model/decoder.ts';
import { initialValues } from '../../../src/engine/model/parameters.ts';
import { byteFile, type Json, markedFile } from '../tokenizers/files.ts';
import { concatenated } from './files.ts';

beforeAll(async () => {
  await loadGpt2();
  await loadPatterns();
});

const loaded = (json: Json, end?: readonly number[]): TokenizerJson => ({
  ...{ kind: 'loaded', file: JSON.stringify(json) },
  ...(end && { end }),
});

const SIZES = { layers: 2, heads: 4, width: 64, context: 16, tied: true };
const GPT2: Omit<GptConfig, 'vocabulary'> = { ...SIZES, ...GPT2_KINDS };
const LLAMA_SIZES = { keyValueHeads: 2, intermediate: 96, normEpsilon: 1e-6, ropeBase: 5e5 };
const of = (family: FamilyName, more: Partial<GptConfig> = {}): Omit<GptConfig, 'vocabulary'> => ({
  ...{ ...SIZES, ...kindsOfFamily(family), ...LLAMA_SIZES, ...more },
});

/** Values that no two parameters share; gains differ from one. */
function valuesOf(gpt: GptConfig): Map<string, Float32Array> {
  return new Map(
    parameterSpecs(gpt).map((spec, at) => {
      const values = initialValues({ ...spec, init: { kind: 'normal', std: 0.5 } }, at);
      return [spec.name, spec.rowsOf === null ? values.map((value) => 1 + value / 8) : values];
    }),
  );
}

async function written(gpt: GptConfig, tokenizer: TokenizerJson, type: GgufType): Promise<Uint8Array> {
  const values = valuesOf(gpt);
  return concatenated(ggufPieces(gpt, tokenizer, type, (name) => values.get(name)!)());
}

const open = (bytes: Uint8Array) =>
  openModel(bytesSource('m.gguf', bytes), { config: null, tokenizer: null });

const CHARACTERS: TokenizerJson = { kind: 'char', characters: '\n abc😀' };

const MODELS: readonly [string, Omit<GptConfig, 'vocabulary'>, TokenizerJson][] = [
  ['gpt2, characters', GPT2, CHARACTERS],
  ['gpt2, bytes', { ...GPT2, tied: false }, { kind: 'byte' }],
  ['gpt2, learned pairs', GPT2, { kind: 'bpe', pairs: [104, 101, 256, 108, 32, 257] }],
  ['gpt2, another family’s tokenizer', GPT2, loaded(byteFile('smollm'))],
  ['llama, SentencePiece', of('llama'), loaded(markedFile(), [1, 2])],
  [
    'llama, head and scaling',
    of('llama', { tied: false, ropeScaling: 'llama3:8:1:4:8192' }),
    loaded(byteFile('llama3')),
  ],
  ['qwen2', of('qwen2'), loaded(byteFile('qwen2'))],
  ['qwen3', of('qwen3', { headSize: 32 }), CHARACTERS],
];

describe.each(MODELS)('%s', (_, shape, tokenizer) => {
  const gpt: GptConfig = { ...shape, vocabulary: tokensIn(tokenizer) };
  const { end } = documentTokens(tokenizer);

  test('is read as it was written', async () => {
    const model = await open(await written(gpt, tokenizer, 'F32'));
    const rows = gpt.vocabulary + (end === null ? 1 : 0);
    expect({ ...model.shape, heads: model.heads }).toEqual({ ...gpt, vocabulary: rows });
    expect(model.notes).toEqual([]);
    const read = await readModel({ ...gpt, vocabulary: rows }, model.weights);
    const values = valuesOf(gpt);
    for (const { name, learnedRows, columns } of parameterSpecs(gpt)) {
      const count = learnedRows * columns;
      expect(read.get(name)!.subarray(0, count), name).toEqual(values.get(name)!.subarray(0, count));
    }
    if (end !== null) return;
    // The logit of the added row is the mean of the others, so that it is never the largest.
    const embedding = values.get('wte.weight')!;
    const added = read.get('wte.weight')!.subarray(gpt.vocabulary * gpt.width, rows * gpt.width);
    for (const [channel, value] of added.entries()) {
      let sum = 0;
      for (let row = 0; row < gpt.vocabulary; row++) sum += embedding[row * gpt.width + channel]!;
      expect(value).toBeCloseTo(sum / gpt.vocabulary, 6);
    }
  });

  test('has its tokenizer', async () => {
    const model = await open(await written(gpt, tokenizer, 'F32'));
    if (tokenizer.kind !== 'loaded') {
      expect(model.tokenizer).toEqual(tokenizer);
      return;
    }
    const [before, after] = [createTokenizer(tokenizer), createTokenizer(model.tokenizer!)];
    expect(after).toMatchObject({ start: before.start, ends: before.ends, vocabulary: before.vocabulary });
    for (const text of ['the lowest é 123 你好\n\n  new<|im_start|></s>x', ' <s> the', 'e\u0301\t']) {
      expect([...after.encode(text)], text).toEqual([...before.encode(text)]);
      expect(after.decode(before.encode(text)), text).toBe(before.decode(before.encode(text)));
    }
  });
});

test.each<[FamilyName, Partial<GptConfig>, RegExp]>([
  ['gpt2', { mlp: 'relu2' }, /has mlp relu2; llama\.cpp computes gelu for GPT-2/],
  ['llama', { mlp: 'geglu' }, /has mlp geglu; llama\.cpp computes swiglu for Llama/],
  [
    'qwen2',
    { ropeScaling: 'llama3:8:1:4:8' },
    /has rope-scaling llama3:8:1:4:8; llama\.cpp computes none for Qwen 2/,
  ],
  ['qwen3', { ropeScaling: 'llama3:8:1:4:8' }, /computes none for Qwen 3/],
])(
  'a %s with %j, which llama.cpp would compute as another model, is refused by name',
  async (family, change, why) => {
    const gpt = { ...SIZES, ...kindsOfFamily(family), ...change, vocabulary: 6 } as GptConfig;
    await expect(written(gpt, CHARACTERS, 'F32')).rejects.toThrow(why);
  },
);

describe('number formats', () => {
  const gpt: GptConfig = { ...GPT2, vocabulary: 6 };
  /** Half of F16's smallest value. */
  const SMALLEST = 2 ** -25;
  /** Half a unit in the last place of a value, or half a step of a block's scale, relative to the largest of the block. */
  const BOUNDS: Readonly<Record<GgufType, number>> = {
    F32: 0,
    F16: 2 ** -11,
    BF16: 2 ** -8,
    Q8_0: 0.5 / 127 + 2 ** -11,
    Q4_0: 1 / 8 + 2 ** -11,
  };

  test.each(Object.entries(BOUNDS) as [GgufType, number][])('%s', async (type, bound) => {
    const bytes = await written(gpt, CHARACTERS, type);
    const { tensors } = await openGguf(bytesSource('m.gguf', bytes));
    const types = Object.fromEntries([...tensors.values()].map((each) => [each.name, each.type]));
    expect(types).toMatchObject({
      'token_embd.weight': type,
      'blk.1.attn_qkv.weight': type,
      'blk.0.attn_norm.weight': 'F32',
      'blk.0.attn_qkv.bias': 'F32',
      'position_embd.weight': 'F32',
    });
    const read = await readModel({ ...gpt, vocabulary: 7 }, (await open(bytes)).weights);
    for (const [name, values] of valuesOf(gpt)) {
      const spec = parameterSpecs(gpt).find((each) => each.name === name)!;
      if (!spec.matmul) continue;
      // Blocks lie along the inputs of a matrix that is (in, out) here.
      const [rows, columns] = [spec.learnedRows, spec.columns];
      const at = (row: number, column: number) => row * columns + column;
      for (let row = 0; row < rows; row++) {
        for (let column = 0; column < columns; column++) {
          const [first, along] =
            spec.rowsOf === 'inputs' ? [row - (row % 32), 'rows'] : [column - (column % 32), 'columns'];
          let most = 0;
          for (let i = 0; i < 32; i++) {
            const place = along === 'rows' ? at(first + i, column) : at(row, first + i);
            most = Math.max(most, Math.abs(values[place]!));
          }
          const scale = type.startsWith('Q') ? most : Math.abs(values[at(row, column)]!);
          const error = Math.abs(read.get(name)![at(row, column)]! - values[at(row, column)]!);
          const allowed = bound * scale + (type === 'F16' ? SMALLEST : 0);
          if (error > allowed) expect(error, `${name} ${row} ${column}`).toBeLessThanOrEqual(allowed);
        }
      }
    }
  });

  test('rows that are no whole blocks stay in F16', async () => {
    const narrow: GptConfig = { ...gpt, width: 16 };
    const { tensors } = await openGguf(bytesSource('m.gguf', await written(narrow, CHARACTERS, 'Q8_0')));
    expect(tensors.get('token_embd.weight')!.type).toBe('F16');
    expect(tensors.get('blk.0.ffn_down.weight')!.type).toBe('Q8_0'); // its rows are four times as wide
  });
});
