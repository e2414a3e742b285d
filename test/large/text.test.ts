/** The memory that a text of 200 MB takes, read from a real file: `npx vitest run --project large`. */
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openText } from '../../src/cli/texts.ts';
import { splitText } from '../../src/engine/data/dataset.ts';
import { tokenize } from '../../src/engine/data/tokenize.ts';

const LINE = 'It was the best of times, it was the worst of times, naïve or not;\n';
const BYTES = 200e6;

let folder: string;
let path: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'halfstep-large-'));
  path = join(folder, 'large.txt');
  const block = Buffer.from(LINE.repeat(10_000));
  const file = openSync(path, 'w');
  for (let written = 0; written < BYTES; written += block.length) writeSync(file, block);
  closeSync(file);
});
afterAll(() => rmSync(folder, { recursive: true }));

test.each(['char', 'byte'] as const)(
  '%s: 200 MB are tokenized within twice their size of memory',
  async (kind) => {
    const before = process.memoryUsage.rss();
    const start = performance.now();
    let peak = before;
    const text = await tokenize(await openText({ kind: 'file', path }), kind, {
      onProgress: () => {
        peak = Math.max(peak, process.memoryUsage.rss());
      },
    });
    const { train } = splitText(text, 256);
    console.log(
      `${kind}: ${text.bytes} bytes, ${text.tokens.length} tokens, ${((performance.now() - start) / 1000).toFixed(1)} s, process grew by ${((peak - before) / 1e6).toFixed(0)} MB`,
    );
    expect(text.bytes).toBeGreaterThanOrEqual(BYTES);
    expect(text.tokens.BYTES_PER_ELEMENT).toBe(1);
    expect(text.tokenizer.decode(train.subarray(0, LINE.length + 1)).slice(0, 30)).toBe(LINE.slice(0, 30));
    expect(peak - before).toBeLessThan(2 * text.bytes);
  },
);
