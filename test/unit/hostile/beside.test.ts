/** 10,000 damaged and tampered copies of config.json and tokenizer.json: each is refused with its problem, or read correctly. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { CompanionFileError } from '../../../src/engine/checkpoint/beside.ts';
import { configJson } from '../../../src/engine/checkpoint/configJson.ts';
import { FAMILIES, kindsOfFamily, SIZES } from '../../../src/engine/checkpoint/families.ts';
import { bytePieces, tokenizerJson } from '../../../src/engine/checkpoint/huggingface.ts';
import { readConfig } from '../../../src/engine/checkpoint/modelConfig.ts';
import { readTokenizer } from '../../../src/engine/checkpoint/modelTokenizer.ts';
import { bytesSource } from '../../../src/engine/checkpoint/randomAccess.ts';
import { GPT2_KINDS, type GptConfig } from '../../../src/engine/config/gptConfig.ts';
import { learnedModel } from '../../../src/engine/data/pairModel.ts';
import type { TokenizerJson } from '../../../src/engine/data/tokenizer.ts';
import { damaged, EDITS, edited, RUNS, tampered } from './damage.ts';

const GPT: GptConfig = {
  layers: 1,
  heads: 2,
  width: 8,
  context: 4,
  vocabulary: 3,
  tied: true,
  ...GPT2_KINDS,
};
const encode = (text: string) => new TextEncoder().encode(text);
const source = (bytes: Uint8Array) => bytesSource('beside.json', bytes);
/** Parses as the reader does: a byte order mark is not part of the JSON. */
const parsed = (bytes: Uint8Array) =>
  JSON.parse(new TextDecoder().decode(bytes).replace(/(?<=[:[,]\s*)(NaN|-?Infinity)(?=\s*[,}\]])/g, 'null'));

async function readOrRefused<T>(read: Promise<T>): Promise<T | null> {
  try {
    return await read;
  } catch (error) {
    if (error instanceof CompanionFileError) return null;
    throw error;
  }
}

const LLAMA: GptConfig = { ...GPT, ...kindsOfFamily('llama'), ropeScaling: 'llama3:32:1:4:8192' };
/** By the family that the tensors' names show. */
const CONFIGS = [
  ['gpt2', configJson(GPT, 'F32', { kind: 'byte' })],
  ['llama', configJson(LLAMA, 'F32', { kind: 'byte' }, 'llama')],
] as const;
const TOKENIZERS: readonly TokenizerJson[] = [
  { kind: 'char', characters: 'ab😀' },
  { kind: 'byte' },
  { kind: 'bpe', pairs: [104, 101, 256, 108] },
];

/** Keys that no reader looks at: whatever they are, the file is read. */
const UNREAD = [
  ...['architectures', 'initializer_range', 'torch_dtype', 'attention_dropout'],
  ...['attn_pdrop', 'embd_pdrop', 'resid_pdrop', 'reorder_and_upcast_attn'],
];

/**
 * Files of a configuration that are read even if every edit of another key makes one unreadable, less six standard deviations.
 * More than nine in ten of the damaged and tampered ones are no JSON or no UTF-8, and never reach what reads a configuration.
 * @param runs of its edited files
 */
function leastRead(text: string, runs: number): number {
  const keys = Object.keys(JSON.parse(text));
  const share = keys.filter((key) => UNREAD.includes(key)).length / keys.length;
  const harmless = Array.from({ length: EDITS }, (_, i) => share ** (i + 1));
  const expected = (runs * harmless.reduce((a, b) => a + b)) / EDITS;
  return expected - 6 * Math.sqrt(expected);
}

test('configurations', async () => {
  const read = { gpt2: 0, llama: 0 };
  const files = fc.oneof(
    ...CONFIGS.flatMap(([likely, text]) => {
      const kinds = [damaged(encode(text)), tampered(text).map(encode), edited(text).map(encode)];
      return kinds.map((each) => each.map((bytes) => ({ likely, bytes })));
    }),
  );
  await fc.assert(
    fc.asyncProperty(files, async ({ likely, bytes }) => {
      const said = await readOrRefused(readConfig(source(bytes), likely));
      if (!said) return;
      read[likely] += 1;
      const json = parsed(bytes);
      const { family, stated } = said;
      expect([family, undefined]).toContain(json.model_type);
      expect(stated.heads).toEqual(expect.any(Number));
      const { keys, defaults } = FAMILIES[family];
      for (const size of SIZES.filter((each) => keys[each])) {
        expect(stated[size], size).toBe(json[keys[size]!] ?? defaults[size as 'headSize']);
      }
      if (family !== 'gpt2') expect(stated.ropeBase).toBe(json.rope_theta ?? 10_000);
    }),
    RUNS,
  );
  for (const [family, text] of CONFIGS) {
    const least = leastRead(text, RUNS.numRuns / (3 * CONFIGS.length));
    console.log(`${family}: ${read[family]} were read, of edited ones alone at least ${least.toFixed(0)}`);
    expect(read[family], family).toBeGreaterThan(least);
  }
  expect(read.gpt2 + read.llama).toBeGreaterThan(500);
  expect(read.gpt2 + read.llama).toBeLessThan(9500);
});

test('tokenizers', async () => {
  let read = 0;
  const texts = TOKENIZERS.map(tokenizerJson);
  const files = fc.oneof(damaged(...texts.map(encode)), ...texts.map((text) => tampered(text).map(encode)));
  await fc.assert(
    fc.asyncProperty(files, async (bytes) => {
      const said = await readOrRefused(readTokenizer(source(bytes)));
      if (!said) return;
      read += 1;
      // Written again, it has the tokens and merges that the file has.
      const { vocab, merges } = JSON.parse(tokenizerJson(said.tokenizer)).model;
      const { model } = parsed(bytes);
      expect(new Map(Object.entries(model.vocab))).toEqual(new Map(Object.entries(vocab)));
      expect(model.merges).toEqual(merges);
    }),
    RUNS,
  );
  expect(read).toBeGreaterThan(100);
  expect(read).toBeLessThan(9500);
});

test('every tokenizer that Halfstep writes is read back', async () => {
  const characters = fc
    .uniqueArray(fc.string({ unit: 'grapheme-composite', minLength: 1, maxLength: 1 }), { minLength: 1 })
    .map((all): TokenizerJson => ({ kind: 'char', characters: [...new Set(all.join(''))].join('') }));
  const pairs = fc
    .array(fc.tuple(fc.nat(2 ** 20), fc.nat(2 ** 20)), { maxLength: 40 })
    .map((all): TokenizerJson => {
      const ids = all.flatMap(([a, b], i) => [a % (256 + i), b % (256 + i)]);
      return ids.length > 0 ? { kind: 'bpe', pairs: ids } : { kind: 'byte' };
    });
  await fc.assert(
    fc.asyncProperty(fc.oneof(characters, pairs), async (json) => {
      const read = await readOrRefused(readTokenizer(source(encode(tokenizerJson(json)))));
      // Two merges may produce the same bytes: then two ids share a name, which no vocabulary can express.
      const tokens = json.kind === 'bpe' ? bytePieces(learnedModel(json.pairs)) : [];
      expect(read?.tokenizer).toEqual(new Set(tokens).size === tokens.length ? json : undefined);
    }),
    { ...RUNS, numRuns: 1000 },
  );
});
