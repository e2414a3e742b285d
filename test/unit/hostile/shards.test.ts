/** 10,000 damaged and tampered indexes of shards: each is refused by its name, or every tensor is found in its shard. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { bytesSource } from '../../../src/engine/checkpoint/randomAccess.ts';
import { openShards } from '../../../src/engine/checkpoint/shards.ts';
import { EngineError } from '../../../src/engine/core/errors.ts';
import { file, floats } from '../checkpoint/files.ts';
import { damaged, RUNS, tampered } from './damage.ts';

const SHARDS = new Map([
  ['a-00001-of-00002.safetensors', await file([floats('x', [2], [1, 2]), floats('y', [1], [3])])],
  ['a-00002-of-00002.safetensors', await file([floats('z', [1, 1], [4])])],
]);
const [first, second] = [...SHARDS.keys()];
const INDEX = JSON.stringify({
  metadata: { total_size: 16 },
  weight_map: { x: first, y: first, z: second },
});

test('indexes', async () => {
  const asked = new Set<string>();
  const counts = { read: 0, refused: 0 };
  const encode = (text: string) => new TextEncoder().encode(text);
  const files = fc.oneof(damaged(encode(INDEX)), tampered(INDEX).map(encode));
  await fc.assert(
    fc.asyncProperty(files, async (bytes) => {
      try {
        const { tensors } = await openShards(bytesSource('a.safetensors.index.json', bytes), async (name) => {
          asked.add(name);
          return SHARDS.has(name) ? bytesSource(name, SHARDS.get(name)!) : null;
        });
        counts.read += 1;
        const { weight_map } = JSON.parse(new TextDecoder().decode(bytes));
        expect([...tensors.keys()].sort()).toEqual(Object.keys(weight_map).sort());
        if (tensors.has('x')) expect([...(await tensors.get('x')!.floats())]).toEqual([1, 2]);
      } catch (error) {
        if (!(error instanceof EngineError)) throw error;
        counts.refused += 1;
        expect(error.code).toBe('BAD_FILE');
        expect(error.message).toMatch(/^The index "a\.safetensors\.index\.json" /);
      }
    }),
    RUNS,
  );
  expect(counts.read).toBeGreaterThan(200);
  expect(counts.refused).toBeGreaterThan(2000);
  // No name leads out of the folder.
  expect([...asked].filter((name) => /[/\\]/.test(name) || name === '..')).toEqual([]);
});
