import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { assembleText, FILE_TEXTS, foldToAscii, textsNotice } from '../../build/assembleTexts.ts';
import { openText } from '../../src/cli/texts.ts';
import { EngineError } from '../../src/engine/core/errors.ts';
import { tokenize } from '../../src/engine/data/tokenize.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'halfstep-texts-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

test('typographic characters become ASCII, letters stay', () => {
  expect(foldToAscii('“It’s”—a\u00a0b–c… Œuvre\r\n\tη\u0002')).toBe('"It\'s"--a b-c... Œuvre\n\tη');
});

test('Moby Dick: all chapters in order, then the epilogue, in 80 ASCII characters', () => {
  const text = assembleText('moby-dick');
  const chapters = [...text.matchAll(/^CHAPTER (\d+)\. /gm)].map((match) => Number(match[1]));
  expect(chapters).toEqual(Array.from({ length: 135 }, (_, i) => i + 1));
  expect(text).toMatch(/^CHAPTER 1\. Loomings\.\n\nCall me Ishmael\. /);
  expect(text).toMatch(/found another orphan\.\n$/);
  expect(text.indexOf('\nEpilogue ')).toBeGreaterThan(text.indexOf('\nCHAPTER 135.'));
  expect(new Set(text).size).toBe(80);
  expect(text).toMatch(/^[\n -~]*$/);
  expect(text.length).toBeGreaterThan(1_190_000);
});

test('State of the Union: the most recent whole years within 3 MB', () => {
  const text = assembleText('sotu');
  expect(text.length).toBeGreaterThan(2_900_000);
  expect(text.length).toBeLessThanOrEqual(3_000_000);
  expect(text).toMatch(/God bless you all, and may God protect our troops\./); // 2021
  expect(textsNotice()).toContain('the addresses of 1940 to 2021');
});

test('code: the project’s own shaders and sources, each under its path', () => {
  const text = assembleText('code');
  expect(text).toMatch(/^\/\/ shaders\/\S+\.wgsl$/m);
  expect(text).toMatch(/^\/\/ src\/engine\/data\/batches\.ts$/m);
});

test('the notice names source and licence of every file', () => {
  const notice = textsNotice();
  for (const id of FILE_TEXTS) expect(notice).toContain(`${id}.txt`);
  expect(notice.match(/Licence: /g)).toHaveLength(FILE_TEXTS.length);
  expect(notice.match(/Source: /g)).toHaveLength(FILE_TEXTS.length);
});

test('the command line reads built-in texts and files', async () => {
  expect((await openText({ kind: 'builtin', id: 'copy' })).name).toBe('Copy task');
  const moby = await tokenize(await openText({ kind: 'builtin', id: 'moby-dick' }), 'char');
  expect([moby.name, moby.tokenizer.vocabulary]).toEqual(['Moby Dick', 80]);
  expect(moby.tokenizer.decode(moby.tokens.subarray(0, 10))).toBe('CHAPTER 1.');
  const path = join(folder, 'own.txt');
  writeFileSync(path, 'ünïcode');
  const own = await tokenize(await openText({ kind: 'file', path }), 'char');
  expect([own.name, own.tokenizer.decode(own.tokens)]).toEqual(['own.txt', 'ünïcode']);
});

test.each([
  ['missing', null, 'there is no such file'],
  ['empty', '', 'empty'],
  ['binary', Uint8Array.of(1, 0, 2), 'byte 1 is NUL'],
  ['latin1', Uint8Array.of(0x61, 0xe9, 0x61), 'byte 1 (0xe9)'],
])('a file that is %s is refused', async (name, content, message) => {
  const path = join(folder, name);
  if (content !== null) writeFileSync(path, content);
  const read = async () => tokenize(await openText({ kind: 'file', path }), 'char');
  const error = await read().catch((error: unknown) => error);
  expect(error).toBeInstanceOf(EngineError);
  expect(error).toMatchObject({ code: 'BAD_TEXT', message: expect.stringContaining(message) });
});

test('a folder is refused', async () => {
  await expect(openText({ kind: 'file', path: folder })).rejects.toMatchObject({
    code: 'BAD_TEXT',
    message: expect.stringContaining('it is a folder'),
  });
});
