/** Weights that are split into several files, with an index. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { openModel } from '../../../src/engine/checkpoint/modelFile.ts';
import { bytesSource } from '../../../src/engine/checkpoint/randomAccess.ts';
import { openSafetensors } from '../../../src/engine/checkpoint/safetensors.ts';
import { contents, file, refusal, tensor } from './files.ts';

const WHOLE = bytesSource(
  'model.safetensors',
  readFileSync(new URL('../../fixtures/gpt2_conv1d.safetensors', import.meta.url)),
);
const FIRST = 'model-00001-of-00002.safetensors';
const SECOND = 'model-00002-of-00002.safetensors';
const config = bytesSource('config.json', new TextEncoder().encode('{"n_head":2}'));

/** The fixture's tensors, every other one in the second shard. */
async function sharded(): Promise<{ shards: Map<string, Uint8Array>; map: Record<string, string> }> {
  const opened = await openSafetensors(WHOLE);
  const bytes = await contents(WHOLE);
  const all = [...opened.tensors.values()].map(({ name, dtype, shape }) =>
    tensor(name, dtype, shape, bytes.get(name)!),
  );
  const halves = [0, 1].map((half) => all.filter((_, i) => i % 2 === half));
  const names = [FIRST, SECOND];
  const shards = new Map<string, Uint8Array>();
  for (const [i, half] of halves.entries()) shards.set(names[i]!, await file(half));
  const map = Object.fromEntries(halves.flatMap((half, i) => half.map(({ name }) => [name, names[i]!])));
  return { shards, map };
}

const { shards, map } = await sharded();

function open(index: unknown, files: ReadonlyMap<string, Uint8Array> = shards) {
  const text = typeof index === 'string' ? index : JSON.stringify(index);
  return openModel(bytesSource('model.safetensors.index.json', new TextEncoder().encode(text)), {
    config,
    tokenizer: null,
    shard: async (name) => (files.has(name) ? bytesSource(name, files.get(name)!) : null),
  });
}

test('shards are the model that they were split from', async () => {
  const whole = await openModel(WHOLE, { config, tokenizer: null });
  const parts = await open({ metadata: { total_size: 1 }, weight_map: map });
  expect(parts.shape).toEqual(whole.shape);
  expect(parts.heads).toBe(2);
  for (const name of ['wte.weight', 'h.1.mlp.c_fc.weight', 'h.0.attn.c_attn.bias', 'ln_f.weight']) {
    expect(await parts.weights.read(name), name).toEqual(await whole.weights.read(name));
  }
});

describe('refused, naming the file', () => {
  const cut = new Map(shards).set(SECOND, shards.get(SECOND)!.slice(0, -100));
  const [name] = Object.keys(map);
  const without = Object.fromEntries(Object.entries(map).slice(1));
  test.each<[string, unknown, ReadonlyMap<string, Uint8Array>, RegExp]>([
    [
      'a missing shard',
      { weight_map: map },
      new Map([[FIRST, shards.get(FIRST)!]]),
      /^The index "model\.safetensors\.index\.json" names the shard "model-00002-of-00002\.safetensors" \(\d+ tensors\), which is not beside it\.$/,
    ],
    [
      'a truncated shard',
      { weight_map: map },
      cut,
      /^"model-00002-of-00002\.safetensors" is not a valid safetensors file: tensor ".*" ends at byte \d+, but the file ends at \d+\.$/,
    ],
    ['an index that names none', { weight_map: {} }, shards, /names no tensor\.$/],
    ['no weight_map', { metadata: {} }, shards, /has no weight_map\.$/],
    ['a weight_map of another kind', { weight_map: [] }, shards, /has weight_map a list, which is not an/],
    ['no JSON', '{"weight_map":', shards, /is not JSON at character/],
    [
      'a shard that is no name',
      { weight_map: { ...map, [name!]: 3 } },
      shards,
      /puts "transformer\..*" into 3, which is not the name of a file beside it/,
    ],
    ...['../model.safetensors', '/etc/passwd', '..', '', 'a\\b'].map(
      (path): [string, unknown, ReadonlyMap<string, Uint8Array>, RegExp] => [
        `the path "${path}"`,
        { weight_map: { ...map, [name!]: path } },
        shards,
        /which is not the name of a file beside it/,
      ],
    ),
    [
      'a tensor that is not in its shard',
      { weight_map: { ...map, 'h.9.ln_1.weight': FIRST } },
      shards,
      /says that "h\.9\.ln_1\.weight" is in "model-00001-of-00002\.safetensors", which does not have it/,
    ],
    [
      'a tensor that it does not name',
      { weight_map: without },
      shards,
      /does not name "transformer\..*", which is in its shard "model-00001-of-00002\.safetensors"/,
    ],
  ])('%s', async (_, index, files, why) => {
    const error = await refusal(open(index, files));
    expect([error.code, error.isUsage]).toEqual(['BAD_FILE', true]);
    expect(error.message).toMatch(why);
  });

  test('a shard alone', async () => {
    const source = bytesSource(FIRST, shards.get(FIRST)!);
    const error = await refusal(openModel(source, { config, tokenizer: null }));
    expect(error.message).toBe(`"${FIRST}" is one of 2 shards of a model, and not the model.`);
    expect(error.hint).toContain('model.safetensors.index.json');
  });
});
