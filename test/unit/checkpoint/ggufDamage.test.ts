/** Damaged and foreign GGUF files are refused by name, and never read beyond their end. */
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { ggufPieces } from '../../../src/engine/checkpoint/ggufFile.ts';
import type { ValueToWrite } from '../../../src/engine/checkpoint/ggufFormat.ts';
import { ggufVocabulary } from '../../../src/engine/checkpoint/ggufVocabulary.ts';
import { type GgufTensorToWrite, writeGguf } from '../../../src/engine/checkpoint/ggufWrite.ts';
import { openModel, readModel } from '../../../src/engine/checkpoint/modelFile.ts';
import { GPT2_KINDS, type GptConfig } from '../../../src/engine/config/gptConfig.ts';
import { EngineError } from '../../../src/engine/core/errors.ts';
import type { TokenizerJson } from '../../../src/engine/data/tokenizer.ts';
import { parameterSpecs } from '../../../src/engine/model/decoder.ts';
import { initialValues } from '../../../src/engine/model/parameters.ts';
import { concatenated, refusal, watched } from './files.ts';

const GPT: GptConfig = {
  ...{ layers: 1, heads: 2, width: 32, context: 4, vocabulary: 4, tied: true, ...GPT2_KINDS },
};
const TOKENIZER: TokenizerJson = { kind: 'char', characters: '\nab' };

let sound: Uint8Array;
beforeAll(async () => {
  const values = new Map(parameterSpecs(GPT).map((spec) => [spec.name, initialValues(spec, 1)]));
  sound = await concatenated(ggufPieces(GPT, TOKENIZER, 'Q8_0', (name) => values.get(name)!)());
});

const open = (bytes: Uint8Array) => openModel(watched(bytes), { config: null, tokenizer: null });

/** Opens the file and reads all weights. */
async function readAll(bytes: Uint8Array): Promise<unknown> {
  const model = await open(bytes);
  return readModel({ ...model.shape, heads: model.heads! }, model.weights);
}

const string = (value: string): ValueToWrite => ({ type: 'string', value });
const u32 = (value: number): ValueToWrite => ({ type: 'u32', value });

/** A file whose metadata and tensors are as given. */
const made = (values: Readonly<Record<string, ValueToWrite>>, tensors: readonly GgufTensorToWrite[] = []) =>
  concatenated(writeGguf(new Map(Object.entries(values)), tensors));

const zeros = (name: string, shape: readonly number[]): GgufTensorToWrite => ({
  ...{ name, type: 'F32', shape },
  async *pieces() {
    yield new Uint8Array(4 * shape.reduce((product, size) => product * size, 1));
  },
});

const LLAMA = {
  'general.architecture': string('llama'),
  'llama.block_count': u32(1),
  'llama.embedding_length': u32(8),
  'llama.attention.head_count': u32(2),
  'llama.context_length': u32(4),
  'llama.feed_forward_length': u32(16),
};
const EMBEDDING = zeros('token_embd.weight', [4, 8]);

describe('is refused by name', () => {
  test.each<[string, () => Promise<Uint8Array>, string, RegExp]>([
    [
      'another architecture',
      () => made({ 'general.architecture': string('gemma2') }),
      'WRONG_MODEL',
      /is of the architecture "gemma2"; gpt2, llama, qwen2, qwen3 are read/,
    ],
    [
      'a mixture of experts',
      () => made({ ...LLAMA, 'llama.expert_count': u32(8) }),
      'WRONG_MODEL',
      /has llama\.expert_count 8, which Halfstep does not compute/,
    ],
    [
      'a sliding window',
      () => made({ ...LLAMA, 'llama.attention.sliding_window': u32(4096) }),
      'WRONG_MODEL',
      /has llama\.attention\.sliding_window 4096/,
    ],
    [
      'another scaling of RoPE',
      () => made({ ...LLAMA, 'llama.rope.scaling.type': string('yarn') }),
      'WRONG_MODEL',
      /has llama\.rope\.scaling\.type yarn/,
    ],
    [
      'factors of an unknown scaling',
      () => made(LLAMA, [EMBEDDING, zeros('rope_freqs.weight', [2])]),
      'WRONG_MODEL',
      /has rope_freqs\.weight that are not Llama 3's/,
    ],
    [
      'a part of a file',
      () => made({ ...LLAMA, 'split.count': u32(3), 'split.no': u32(1) }),
      'WRONG_MODEL',
      /is part 2 of 3/,
    ],
    ['a missing tensor', () => made(LLAMA, [EMBEDDING]), 'WRONG_MODEL', /has no layers\.0\./],
    [
      'an unknown pre-tokenizer',
      () =>
        made(
          {
            ...LLAMA,
            'tokenizer.ggml.model': string('gpt2'),
            'tokenizer.ggml.pre': string('deepseek-v3'),
            'tokenizer.ggml.tokens': { type: 'strings', value: ['a'] },
          },
          [EMBEDDING],
        ),
      'WRONG_MODEL',
      /splits words as "deepseek-v3" does; gpt-2, smollm/,
    ],
    [
      'an unknown tokenizer',
      () =>
        made(
          {
            ...LLAMA,
            'tokenizer.ggml.model': string('t5'),
            'tokenizer.ggml.tokens': { type: 'strings', value: ['a'] },
          },
          [EMBEDDING],
        ),
      'WRONG_MODEL',
      /The tokenizer in "a\.safetensors" is of the kind t5; gpt2 and llama are read/,
    ],
    [
      'scores for other tokens',
      () =>
        made(
          {
            ...LLAMA,
            'tokenizer.ggml.model': string('llama'),
            'tokenizer.ggml.tokens': { type: 'strings', value: ['a', 'b'] },
            'tokenizer.ggml.scores': { type: 'f32s', value: [0] },
          },
          [EMBEDDING],
        ),
      'BAD_FILE',
      /its tokenizer\.ggml\.scores has 1 entries for 2 tokens/,
    ],
    ['version 1', async () => changed(4, [1]), 'WRONG_MODEL', /version 1; versions 2 and 3 are read/],
    [
      'big-endian numbers',
      async () => changed(4, [0, 0, 0, 3]),
      'WRONG_MODEL',
      /whose numbers are big-endian/,
    ],
    ['no end', async () => sound.subarray(0, 1500), 'BAD_FILE', /its header goes on beyond byte 1500/],
    [
      'a tensor beyond the end',
      async () => sound.subarray(0, sound.length - 64),
      'BAD_FILE',
      /tensor ".*" ends at byte \d+, but the file ends at \d+/,
    ],
    [
      'more tensors than a file of its size has',
      async () => changed(8, [0, 0, 0, 1]),
      'BAD_FILE',
      /it should have 16777216 tensors, but the file has only \d+ bytes/,
    ],
  ])('%s', async (_, bytes, code, why) => {
    const error = await refusal(open(await bytes()));
    expect([error.code, error.message]).toEqual([code, expect.stringMatching(why)]);
    expect(error.hint).not.toBe('');
  });

  test('a format of numbers that is not read', async () => {
    const [at] = find('token_embd.weight');
    // The name is followed by the number of dimensions, two sizes, and the type.
    const bytes = changed(at! + 'token_embd.weight'.length + 4 + 16, [12]);
    const error = await refusal(open(bytes));
    expect(error.message).toBe(
      'token_embd.weight in "a.safetensors" holds Q4_K numbers; GGUF tensors are read from F32, F16, Q4_0, Q8_0, BF16.',
    );
  });

  test('overlapping tensors', async () => {
    const [at] = find('output_norm.weight');
    const bytes = changed(at! + 'output_norm.weight'.length + 4 + 8 + 4, [0, 0, 0, 0, 0, 0, 0, 0]);
    expect((await refusal(open(bytes))).message).toMatch(/begins at byte \d+, but tensor ".*" ends at \d+/);
  });
});

function changed(at: number, bytes: readonly number[]): Uint8Array {
  const copy = sound.slice();
  copy.set(bytes, at);
  return copy;
}

/** Where a text occurs in the sound file. */
function find(text: string): number[] {
  const at = Buffer.from(sound).indexOf(text);
  return at < 0 ? [] : [at];
}

test('any damage is read as another model or refused, without reading beyond the file', async () => {
  const damage = fc.oneof(
    fc.record({
      cut: fc.nat(),
      at: fc.constant(0),
      bytes: fc.constant(new Uint8Array(0)),
    }),
    fc.record({
      cut: fc.constant(0),
      at: fc.nat(),
      bytes: fc.uint8Array({ minLength: 1, maxLength: 9 }),
    }),
  );
  let refused = 0;
  await fc.assert(
    fc.asyncProperty(damage, async ({ cut, at, bytes }) => {
      const copy = sound.slice(0, sound.length - (cut % sound.length));
      if (bytes.length > 0) copy.set(bytes, at % (Math.min(2000, copy.length) - bytes.length));
      try {
        await readAll(copy);
      } catch (cause) {
        expect(cause).toBeInstanceOf(EngineError);
        refused += 1;
      }
    }),
    { numRuns: 600, seed: 11 },
  );
  expect(refused).toBeGreaterThan(300);
});

test('a vocabulary has an end that it did not have, in a row of its own or in one that fills it', () => {
  const names = (rows: number) => {
    const { metadata, ...others } = ggufVocabulary(TOKENIZER, rows);
    return {
      ...others,
      tokens: metadata.get('tokenizer.ggml.tokens')!.value,
      end: metadata.get('tokenizer.ggml.eos_token_id')!.value,
    };
  };
  expect(names(3)).toEqual({ rows: 4, addsEnd: true, tokens: ['\n', 'a', 'b', '<|endoftext|>'], end: 3 });
  expect(names(5)).toEqual({
    ...{ rows: 5, addsEnd: false, end: 3 },
    tokens: ['\n', 'a', 'b', '<|endoftext|>', '[PAD4]'],
  });
});
