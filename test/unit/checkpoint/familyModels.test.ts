/** Tiny models of every family as transformers saves them: read, computed with, written and read again. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { configJson } from '../../../src/engine/checkpoint/configJson.ts';
import type { ExportDtype } from '../../../src/engine/checkpoint/dtypes.ts';
import type { FamilyName } from '../../../src/engine/checkpoint/families.ts';
import { openModel, readModel } from '../../../src/engine/checkpoint/modelFile.ts';
import { modelTensors } from '../../../src/engine/checkpoint/modelTensors.ts';
import { bytesSource, type RandomAccess } from '../../../src/engine/checkpoint/randomAccess.ts';
import type { GptConfig } from '../../../src/engine/config/gptConfig.ts';
import { modelForward } from '../../../src/engine/reference/model.ts';
import { described } from '../described.ts';
import { contents, file } from './files.ts';

const FOLDER = new URL('../../fixtures/families/', import.meta.url);
const { tokens, models } = JSON.parse(readFileSync(new URL('logits.json', FOLDER), 'utf8')) as {
  tokens: number[];
  models: Record<string, { loss: number; logits: string }>;
};

function source(family: string, name: string): RandomAccess | null {
  const url = new URL(`${family}/${name}`, FOLDER);
  return existsSync(url) ? bytesSource(name, readFileSync(url)) : null;
}

async function open(family: string) {
  const weights = source(family, 'model.safetensors') ?? source(family, 'model.safetensors.index.json');
  const model = await openModel(weights!, {
    config: source(family, 'config.json'),
    tokenizer: null,
    shard: async (name) => source(family, name),
  });
  return { model, gpt: { ...model.shape, heads: model.heads! } as GptConfig };
}

/** Every tensor's bytes in all files of a folder, by name. */
async function storedBytes(family: string): Promise<Map<string, Uint8Array>> {
  const names = readdirSync(new URL(`${family}/`, FOLDER)).filter((name) => name.endsWith('.safetensors'));
  const all = await Promise.all(names.map((name) => contents(source(family, name)!)));
  return new Map(all.flatMap((each) => [...each]).sort(([a], [b]) => (a < b ? -1 : 1)));
}

const EXPECTED: readonly [FamilyName, ExportDtype, number, Partial<GptConfig>][] = [
  [
    'llama',
    'F32',
    3,
    { keyValueHeads: 2, headSize: 8, ropeBase: 5e5, ropeScaling: 'llama3:8:1:4:4', tied: false },
  ],
  ['qwen2', 'BF16', 1, { biases: 'qkv', keyValueHeads: 2, headSize: 8, tied: true }],
  ['qwen3', 'F16', 1, { qkNorm: true, headSize: 16, tied: true, normEpsilon: 1e-6 }],
  ['mistral', 'F32', 1, { biases: 'none', tied: false }],
];

describe.each(EXPECTED)('%s', (family, dtype, files, shape) => {
  test('has the logits and the loss that transformers computes', async () => {
    const { model, gpt } = await open(family);
    expect(model.family).toBe(family);
    expect(gpt).toMatchObject({ layers: 2, heads: 4, width: 16, intermediate: 24, context: 8, ...shape });
    const values = await readModel(gpt, model.weights);
    const parameters = new Map([...values].map(([key, numbers]) => [key, Float64Array.from(numbers)]));
    const batch = { tokens, targets: tokens, B: 2, T: gpt.context };
    const recipe = described('fp32');
    const { logits } = modelForward({ config: gpt, recipe, exact: true }, parameters, batch);
    const bytes = Buffer.from(models[family]!.logits, 'base64');
    expect(logits.length).toBe(bytes.length / 4);
    const wanted = Array.from(logits, (_, i) => bytes.readFloatLE(4 * i));
    const error = Math.max(...wanted.map((value, i) => Math.abs(logits[i]! - value)));
    // Both are in double precision, apart from RoPE's angles, which transformers has in float32 (2^-24 of up to 8).
    expect(error, `largest error ${error}, bound 1e-5`).toBeLessThan(1e-5);
    const loss = meanLoss(logits, gpt.vocabulary);
    expect(Math.abs(loss - models[family]!.loss), `loss ${loss}`).toBeLessThan(1e-5);
  });

  test('is written with the same names, shapes and bytes', async () => {
    const { model, gpt } = await open(family);
    const values = await readModel(gpt, model.weights);
    const written = await file(modelTensors(gpt, dtype, (name) => values.get(name)!, family));
    const again = await contents(bytesSource('model.safetensors', written));
    const original = await storedBytes(family);
    expect([...again.keys()].sort()).toEqual([...original.keys()]);
    for (const [name, bytes] of original)
      expect(Buffer.from(again.get(name)!).equals(bytes), name).toBe(true);
    const names = readdirSync(new URL(`${family}/`, FOLDER)).filter((name) => name.endsWith('.safetensors'));
    expect(names).toHaveLength(files);
    const config = configJson(gpt, dtype, { kind: 'byte' }, family);
    const reopened = await openModel(bytesSource('model.safetensors', written), {
      config: bytesSource('config.json', new TextEncoder().encode(config)),
      tokenizer: null,
    });
    expect({ ...reopened.shape, heads: reopened.heads }).toEqual(gpt);
  });
});

/** Mean over the next tokens within each of the two windows. */
function meanLoss(logits: Float64Array | readonly number[], vocabulary: number): number {
  const T = tokens.length / 2;
  let sum = 0;
  let count = 0;
  for (let row = 0; row < tokens.length; row++) {
    if (row % T === T - 1) continue;
    const own = Array.from(logits.slice(row * vocabulary, (row + 1) * vocabulary));
    const most = Math.max(...own);
    sum += Math.log(own.reduce((total, x) => total + Math.exp(x - most), 0)) + most - own[tokens[row + 1]!]!;
    count += 1;
  }
  return sum / count;
}
