import { rmSync } from 'node:fs';
import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build, createServer, type InlineConfig } from 'vite';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { assembleText } from '../../build/assembleTexts.ts';
import { textsPlugin } from '../../build/texts.ts';

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'halfstep-page-'));
  await writeFile(join(root, 'index.html'), '<!doctype html><title>page</title>');
  await writeFile(join(root, 'entry.js'), 'export {};');
});
afterAll(() => rmSync(root, { recursive: true }));

const common: InlineConfig = { configFile: false, logLevel: 'silent', plugins: [textsPlugin()] };

test('the page’s build has the texts and their notice', async () => {
  await build({ ...common, root });
  expect(await readFile(join(root, 'dist/texts/moby-dick.txt'), 'utf8')).toBe(assembleText('moby-dick'));
  expect(await readFile(join(root, 'dist/texts/NOTICE.txt'), 'utf8')).toContain('sotu.txt');
});

test('a server build has none', async () => {
  const result = await build({ ...common, root, build: { ssr: 'entry.js', write: false } });
  const { output } = result as { output: { fileName: string }[] };
  expect(output.map(({ fileName }) => fileName)).toEqual(['entry.mjs']);
});

test('the dev server serves them below its base', async () => {
  const server = await createServer({ ...common, root, base: '/halfstep/', server: { port: 0 } });
  try {
    await server.listen();
    const [address] = server.resolvedUrls!.local;
    const response = await fetch(`${address}texts/moby-dick.txt?t=1`);
    expect(response.headers.get('content-type')).toBe('text/plain; charset=utf-8');
    expect(await response.text()).toBe(assembleText('moby-dick'));
    expect((await fetch(`${address}texts/constructor`)).headers.get('content-type')).not.toContain(
      'text/plain',
    );
  } finally {
    await server.close();
  }
});
