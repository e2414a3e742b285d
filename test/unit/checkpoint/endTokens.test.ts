/** The tokens that begin and end a text: read from config.json and generation_config.json, kept by every file that is written. */
import { beforeAll, describe, expect, test } from 'vitest';
import { kindsOfFamily } from '../../../src/engine/checkpoint/families.ts';
import { tokenizerJson } from '../../../src/engine/checkpoint/huggingface.ts';
import { type ModelFile, openModel } from '../../../src/engine/checkpoint/modelFile.ts';
import { modelFolder } from '../../../src/engine/checkpoint/modelFolder.ts';
import { bytesSource, type RandomAccess } from '../../../src/engine/checkpoint/randomAccess.ts';
import { PRESETS } from '../../../src/engine/config/presets.ts';
import { gptConfig } from '../../../src/engine/config/trainConfig.ts';
import { loadGpt2 } from '../../../src/engine/data/gpt2.ts';
import { loadPatterns } from '../../../src/engine/data/loaded/patterns.ts';
import { createTokenizer, type TokenizerJson, tokensIn } from '../../../src/engine/data/tokenizer.ts';
import { readTokenizerJson } from '../../../src/engine/data/tokenizerJson.ts';
import { parameterSpecs } from '../../../src/engine/model/decoder.ts';
import { generate, type SampleOptions } from '../../../src/engine/train/sampler.ts';
import { firstTokenOf } from '../../../src/engine/train/startToken.ts';
import { byteFile, markedFile } from '../tokenizers/files.ts';
import { concatenated, refusal } from './files.ts';

beforeAll(async () => {
  await loadGpt2();
  await loadPatterns();
});

const QWEN = byteFile('qwen2');
const [END, TURN] = (QWEN.added_tokens as { id: number }[]).map(({ id }) => id) as [number, number];
const LOADED: TokenizerJson = { kind: 'loaded', file: JSON.stringify(QWEN) };

const SIZES = { ...PRESETS.smoke.config, layers: 1, heads: 2, width: 16, context: 8 };

/** The files of an exported model of zeros, by name. */
async function exported(tokenizer: TokenizerJson, format: 'F32' | 'gguf-f32' = 'F32') {
  const kinds = kindsOfFamily(tokenizer.kind === 'loaded' ? 'llama' : 'gpt2');
  const config = { ...SIZES, ...kinds };
  const gpt = gptConfig(config, tokensIn(tokenizer));
  const sizes = new Map(parameterSpecs(gpt).map(({ name, rows, columns }) => [name, rows * columns]));
  const facts = {
    ...{ config, text: 'a text', adapter: 'a GPU', steps: 1 },
    ...{ firstLoss: null, lastLoss: null, valLoss: null },
  };
  const files = modelFolder(gpt, tokenizer, format, (name) => new Float32Array(sizes.get(name)!), facts);
  const bytes = files.map(async ({ name, pieces }) => [name, await concatenated(each(pieces()))] as const);
  return new Map(await Promise.all(bytes));
}

async function* each(pieces: Iterable<Uint8Array> | AsyncIterable<Uint8Array>) {
  for await (const piece of pieces) yield piece.slice();
}

const json = (name: string, content: unknown): RandomAccess =>
  bytesSource(name, new TextEncoder().encode(JSON.stringify(content)));

/** Opens the model with changes of config.json, and with a generation_config.json. */
async function opened(
  files: ReadonlyMap<string, Uint8Array>,
  change: object = {},
  generation: unknown = null,
): Promise<ModelFile> {
  const weights = files.get('model.gguf') ?? withoutMetadata(files.get('model.safetensors')!);
  const config = files.get('config.json');
  const tokenizer = files.get('tokenizer.json');
  const name = files.has('model.gguf') ? 'm.gguf' : 'm.safetensors';
  return openModel(bytesSource(name, weights), {
    config: config
      ? json('config.json', { ...JSON.parse(new TextDecoder().decode(config)), ...change })
      : null,
    tokenizer: tokenizer ? bytesSource('tokenizer.json', tokenizer) : null,
    generation: generation === null ? null : json('generation_config.json', generation),
  });
}

/** The same weights, as a file of another program has them. */
function withoutMetadata(bytes: Uint8Array): Uint8Array {
  const size = Number(Buffer.from(bytes).readBigUInt64LE(0));
  const { __metadata__: _, ...header } = JSON.parse(Buffer.from(bytes.subarray(8, 8 + size)).toString());
  const text = JSON.stringify(header).padEnd(size);
  return new Uint8Array(Buffer.concat([bytes.subarray(0, 8), Buffer.from(text), bytes.subarray(8 + size)]));
}

const endsOf = ({ tokenizer }: ModelFile) => createTokenizer(tokenizer!).ends;

describe('a loaded tokenizer ends texts', () => {
  test.each<[string, object, unknown, readonly number[]]>([
    ['by its known name where no file says more', { eos_token_id: null }, null, [END]],
    ['as config.json says', { eos_token_id: TURN }, null, [TURN]],
    ['with each token of a list', { eos_token_id: [TURN, END] }, null, [TURN, END]],
    ['as generation_config.json says', { eos_token_id: END }, { eos_token_id: [TURN, END] }, [TURN, END]],
    ['as config.json says where that names none', { eos_token_id: TURN }, { do_sample: true }, [TURN]],
    ['once with a token that is listed twice', { eos_token_id: [TURN, TURN] }, null, [TURN]],
  ])('%s', async (_, change, generation, ends) => {
    const model = await opened(await exported(LOADED), change, generation);
    expect(endsOf(model)).toEqual(ends);
    expect(model.notes).toEqual([]);
  });

  test('with those of the ids that are tokens, and a note names the others', async () => {
    const model = await opened(await exported(LOADED), { eos_token_id: [TURN, 99_999, -1] });
    expect(endsOf(model)).toEqual([TURN]);
    expect(model.notes).toEqual([
      'Ids of eos_token_id that are no end tokens of its tokenizer.json are not used: 99999, -1.',
    ]);
  });

  test.each([
    [
      'config.json',
      { eos_token_id: 'x' },
      null,
      /config\.json beside .* has eos_token_id "x", which is neither/,
    ],
    ['config.json', { eos_token_id: [1.5] }, null, /has eos_token_id a list, which is neither/],
    ['config.json', { bos_token_id: true }, null, /has bos_token_id true, which is neither/],
    ['generation', {}, { eos_token_id: {} }, /generation_config\.json beside .* has eos_token_id an object/],
    ['generation', {}, [], /generation_config\.json beside .* is not a JSON object/],
  ] as const)('%s with %j, %j is refused by name', async (_, change, generation, why) => {
    const error = await refusal(opened(await exported(LOADED), change, generation));
    expect(error.code).toBe('WRONG_MODEL');
    expect(error.message).toMatch(why);
  });
});

test('a text begins with the token that config.json names, and not with the end of a turn', async () => {
  const model = await opened(await exported(LOADED), { bos_token_id: END, eos_token_id: TURN });
  const tokenizer = createTokenizer(model.tokenizer!);
  expect(tokenizer).toMatchObject({ start: [], bos: END, end: TURN });
  expect(firstTokenOf(tokenizer)).toBe(END);
});

describe('GPT-2’s tokenizer', () => {
  test('stays what it is with its own end', async () => {
    const files = await exported({ kind: 'gpt2' });
    for (const ids of [50256, [50256]]) {
      expect((await opened(files, { eos_token_id: ids })).tokenizer).toEqual({ kind: 'gpt2' });
    }
  });

  test('keeps other ends as a loaded one', async () => {
    const model = await opened(await exported({ kind: 'gpt2' }), { eos_token_id: [50256, 198] });
    expect(model.tokenizer).toMatchObject({ kind: 'loaded', end: [50256, 198] });
    expect(createTokenizer(model.tokenizer!).encode('It\n')).toEqual(
      createTokenizer({ kind: 'gpt2' }).encode('It\n'),
    );
  });
});

test('a tokenizer that can have no end token is read without, and a note says so', async () => {
  const characters: TokenizerJson = { kind: 'char', characters: '\nabc' };
  const model = await opened(await exported(characters), { eos_token_id: 0 });
  expect(model.tokenizer).toEqual(characters);
  expect(model.notes).toEqual([
    'Ids of eos_token_id that are no end tokens of its tokenizer.json are not used: 0.',
  ]);
});

describe('what is written has them', () => {
  const cases: readonly [string, TokenizerJson, unknown, number | null][] = [
    ['one', { ...LOADED, end: TURN, bos: END }, TURN, END],
    ['several', { ...LOADED, end: [TURN, END] }, [TURN, END], null],
    ['SentencePiece’s', { kind: 'loaded', file: JSON.stringify(markedFile()), end: [1, 2] }, [1, 2], 1],
  ];

  test.each(cases)('%s: config.json, and the model opened again', async (_, tokenizer, eos, bos) => {
    const files = await exported(tokenizer);
    const config = JSON.parse(new TextDecoder().decode(files.get('config.json')));
    expect(config).toMatchObject({ eos_token_id: eos, bos_token_id: bos });
    const { ends, bos: begins } = createTokenizer((await opened(files)).tokenizer!);
    expect([ends, begins]).toEqual([[eos].flat(), bos]);
  });

  test.each(cases)('%s: GGUF', async (_, tokenizer, eos) => {
    expect(endsOf(await opened(await exported(tokenizer, 'gguf-f32')))).toEqual([eos].flat());
  });

  test.each(cases)('%s: the tokenizer of a saved run', (_, tokenizer) => {
    expect(readTokenizerJson(JSON.stringify(tokenizer), 'run')).toEqual(tokenizer);
  });

  test.each([{ end: [] }, { end: [TURN, 99_999] }, { end: 'x' }, { bos: 99_999 }])(
    'a run with %j is damaged',
    (change) => {
      const text = JSON.stringify({ ...LOADED, ...change });
      expect(() => readTokenizerJson(text, 'run')).toThrow(/has an? (end|bos) that is no token/);
    },
  );
});

test('a sample ends at any of them, unless the request names others or none', async () => {
  const tokenizer = createTokenizer({ ...LOADED, end: [TURN, END] });
  const written = [3, 4, END, 5, TURN];
  const sample = async (stop?: readonly number[]) => {
    let at = 0;
    const model = {
      tokenizer,
      startToken: () => 0,
      nextTokenLogits: async () => {
        const logits = new Float32Array(tokenizer.vocabulary);
        logits[written[at++ % written.length]!] = 9;
        return logits;
      },
    };
    const options: SampleOptions = { prompt: '', length: 5, temperature: 0, topK: 0, seed: 1, stop };
    return (await generate(model, options)).ids;
  };
  expect(await sample()).toEqual([3, 4]);
  expect(await sample([TURN])).toEqual([3, 4, END, 5]);
  expect(await sample([])).toEqual(written);
});

test('the file that Halfstep wrote names them in its metadata too', async () => {
  const files = await exported({ ...LOADED, end: [TURN, END] });
  const model = await openModel(bytesSource('m.safetensors', files.get('model.safetensors')!), {
    config: null,
    tokenizer: bytesSource('tokenizer.json', new TextEncoder().encode(tokenizerJson(LOADED))),
  });
  expect(endsOf(model)).toEqual([TURN, END]);
});
