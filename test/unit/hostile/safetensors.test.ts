/** Of 10,000 damaged and 10,000 tampered files each is refused with its problem or read exactly. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { EngineError } from '../../../src/engine/core/errors.ts';
import { contents, file, floats, handmade, tensor, watched } from '../checkpoint/files.ts';
import { damaged, RUNS, tampered } from './damage.ts';

const plain = await file([floats('w', [200], new Array(200).fill(1))]);
const model = await file(
  [
    floats('wte.weight', [4, 2], [1, 2, 3, 4, 5, 6, 7, 8]),
    floats('ln_f.bias', [2], [0, 1]),
    tensor('h.0.attn.bias', 'U8', [1, 1, 2, 2], Uint8Array.of(1, 0, 1, 1)),
    tensor('halves', 'F16', [3], new Uint8Array(6)),
  ],
  { step: '12', tokenizer: '{"kind":"byte"}' },
);

const headerLength = (bytes: Uint8Array) => Number(new DataView(bytes.buffer).getBigUint64(0, true));

/** The contents of a header, read without the reader's checks. */
function expected(bytes: Uint8Array): Map<string, Uint8Array> {
  const start = 8 + headerLength(bytes);
  const { __metadata__: _, ...entries } = JSON.parse(new TextDecoder().decode(bytes.subarray(8, start)));
  return new Map(
    Object.entries<{ data_offsets: [number, number] }>(entries).map(([name, { data_offsets }]) => [
      name,
      bytes.slice(start + data_offsets[0], start + data_offsets[1]),
    ]),
  );
}

const counts = { read: 0, refused: 0 };

async function isReadOrRefused(bytes: Uint8Array): Promise<void> {
  const source = watched(bytes);
  try {
    const all = await contents(source);
    counts.read += 1;
    expect(new Map([...all].sort())).toEqual(new Map([...expected(bytes)].sort()));
    const total = [...all.values()].reduce((sum, { length }) => sum + length, 0);
    expect(8 + headerLength(bytes) + total).toBe(bytes.length);
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    counts.refused += 1;
    expect(error.code).toBe('BAD_FILE');
  }
  expect(source.longest).toBeLessThanOrEqual(Math.max(8, bytes.length));
}

test('damaged bytes', async () => {
  await fc.assert(fc.asyncProperty(damaged(plain, model), isReadOrRefused), RUNS);
  // Damage to the numbers alone cannot be detected, so both outcomes are frequent.
  expect(counts.read).toBeGreaterThan(500);
  expect(counts.refused).toBeGreaterThan(5000);
});

test('tampered headers', async () => {
  const start = 8 + headerLength(model);
  const header = new TextDecoder().decode(model.subarray(8, start));
  const files = tampered(header).map((text) => {
    const bytes = handmade(text, model.length - start);
    bytes.set(model.subarray(start), bytes.length - (model.length - start));
    return bytes;
  });
  await fc.assert(fc.asyncProperty(files, isReadOrRefused), RUNS);
});
