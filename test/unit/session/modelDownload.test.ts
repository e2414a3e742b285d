/** Downloads of models, from servers that have HTTP ranges, from others, and from some that answer wrongly. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { errorReport } from '../../../src/session/errorReport.ts';
import { ModelDownload, modelAddress } from '../../../src/session/modelDownload.ts';
import type { FileProgress } from '../../../src/session/protocol.ts';
import { type ServedFile, serve } from './modelServer.ts';

const FOLDER = 'https://models.example/tiny/';
const WEIGHTS = Uint8Array.from({ length: 1000 }, (_, i) => i);
const { signal } = new AbortController();

let progress: FileProgress[];
beforeEach(() => {
  progress = [];
});
afterEach(() => vi.unstubAllGlobals());

const load = (download: ModelDownload, until = signal) => download.load(until, (at) => progress.push(at));
const refusal = async (loading: Promise<unknown>) =>
  errorReport(await loading.catch((cause: unknown) => cause));
const loadFrom = (files: Record<string, ServedFile | string>, address = FOLDER) => {
  serve(files);
  return load(new ModelDownload(address));
};
const bytesOf = async (file: File) => new Uint8Array(await file.arrayBuffer());

test('an address is that of a folder, of a file in one, or of a page on huggingface.co', () => {
  const at = (address: string) => {
    const { folder, file } = modelAddress(address);
    return [folder.href, file?.href ?? null];
  };
  expect(at(` ${FOLDER} `)).toEqual([FOLDER, null]);
  expect(at('https://models.example/tiny?x=1#y')).toEqual([FOLDER, null]);
  expect(at(`${FOLDER}config.json`)).toEqual([FOLDER, null]);
  expect(at(`${FOLDER}model-00001-of-00002.safetensors`)).toEqual([FOLDER, null]);
  expect(at(`${FOLDER}a.gguf?download=true`)).toEqual([FOLDER, `${FOLDER}a.gguf?download=true`]);
  expect(at(`${FOLDER}other.safetensors`)).toEqual([FOLDER, `${FOLDER}other.safetensors`]);
  const hub = 'https://huggingface.co/owner/name';
  expect(at(hub)).toEqual([`${hub}/resolve/main/`, null]);
  expect(at(`${hub}/tree/v2`)).toEqual([`${hub}/resolve/v2/`, null]);
  expect(at(`${hub}/blob/main/a.gguf`)).toEqual([`${hub}/resolve/main/`, `${hub}/resolve/main/a.gguf`]);
  for (const wrong of ['', 'models.example/a', 'file:///etc/hosts', 'javascript:alert(1)', 'https://']) {
    expect(() => modelAddress(wrong)).toThrow('is not an http or https address');
  }
});

test('the files of a folder are requested without cookies, the small ones first, and weights with their progress', async () => {
  const asked = serve({
    'config.json': '{"n_head": 2}',
    'tokenizer.json': '{}',
    'model.safetensors': { bytes: WEIGHTS },
  });
  const { file, config, tokenizer, shards } = await load(new ModelDownload(FOLDER));
  expect(asked.map(({ url }) => url.slice(FOLDER.length))).toEqual([
    ...['config.json', 'tokenizer.json', 'generation_config.json', 'model.safetensors'],
  ]);
  expect([file.name, config?.name, tokenizer?.name, shards]).toEqual([
    ...['model.safetensors', 'config.json', 'tokenizer.json'],
    [],
  ]);
  expect(await bytesOf(file)).toEqual(WEIGHTS);
  expect(progress.at(-1)).toEqual({
    ...{ name: 'model.safetensors', bytes: 1000, size: 1000, part: 1, parts: 1, resumable: true },
  });
});

test('shards are those that the index names; a GGUF file is requested alone', async () => {
  const index = JSON.stringify({
    weight_map: { a: 'model-1.safetensors', b: 'model 2.safetensors', c: 'model-1.safetensors' },
  });
  const found = await loadFrom({
    'model.safetensors.index.json': index,
    'model-1.safetensors': { bytes: WEIGHTS },
    'model%202.safetensors': { bytes: WEIGHTS },
  });
  expect(found.shards.map(({ name }) => name)).toEqual(['model-1.safetensors', 'model 2.safetensors']);
  expect([found.file.name, found.config, found.tokenizer]).toEqual([
    'model.safetensors.index.json',
    null,
    null,
  ]);
  expect(progress.at(-1)).toMatchObject({ name: 'model 2.safetensors', part: 2, parts: 2 });

  const asked = serve({ 'a.gguf': { bytes: WEIGHTS } });
  await load(new ModelDownload(`${FOLDER}a.gguf`));
  expect(asked).toEqual([{ url: `${FOLDER}a.gguf`, range: 'bytes=0-' }]);
});

test.each(['error', 'end'] as const)('a connection that breaks (%s) is resumed where it was', async (how) => {
  const files: Record<string, ServedFile> = { 'a.gguf': { bytes: WEIGHTS, breaks: { after: 600, how } } };
  const asked = serve(files);
  const download = new ModelDownload(`${FOLDER}a.gguf`);
  expect(await refusal(load(download))).toMatchObject({
    code: 'MODEL_UNAVAILABLE',
    message: expect.stringContaining('broke after 600 of 1000 bytes'),
    hint: expect.stringContaining('are kept'),
  });
  files['a.gguf'] = { bytes: WEIGHTS };
  const { file } = await load(download);
  expect(await bytesOf(file)).toEqual(WEIGHTS);
  expect(asked.map(({ range }) => range)).toEqual(['bytes=0-', 'bytes=600-']);
});

test('a cancelled download is resumed, and finished files are not requested again', async () => {
  const asked = serve({ 'config.json': '{}', 'model.safetensors': { bytes: WEIGHTS } });
  const download = new ModelDownload(FOLDER);
  const abort = new AbortController();
  const loading = download.load(abort.signal, ({ name, bytes }) => {
    if (name === 'model.safetensors' && bytes > 0) abort.abort();
  });
  await expect(loading).rejects.toThrow(/abort/i);
  const { file } = await load(download);
  expect(await bytesOf(file)).toEqual(WEIGHTS);
  const requests = asked.map(({ url, range }) => `${url.slice(FOLDER.length)} ${range}`);
  expect(requests).toEqual([
    ...['config.json bytes=0-', 'tokenizer.json bytes=0-', 'generation_config.json bytes=0-'],
    'model.safetensors bytes=0-',
    ...['tokenizer.json bytes=0-', 'generation_config.json bytes=0-', 'model.safetensors bytes=500-'],
  ]);
});

test('a server without ranges is named as such, and its file starts again', async () => {
  const files: Record<string, ServedFile> = {
    'a.gguf': { bytes: WEIGHTS, ranges: false, breaks: { after: 600, how: 'end' } },
  };
  serve(files);
  const download = new ModelDownload(`${FOLDER}a.gguf`);
  expect((await refusal(load(download))).hint).toContain('sends only whole files');
  expect(progress.at(-1)).toMatchObject({ bytes: 600, resumable: false });
  files['a.gguf'] = { bytes: WEIGHTS, ranges: false };
  expect(await bytesOf((await load(download)).file)).toEqual(WEIGHTS);
});

test.each<[string, ServedFile]>([
  ['another length', { bytes: WEIGHTS.subarray(0, 900) }],
  ['another tag', { bytes: WEIGHTS, headers: { etag: '"b"' } }],
  ['fewer bytes than had arrived', { bytes: WEIGHTS.subarray(0, 10) }],
])('a file that has %s when it is resumed is refused and starts again', async (_, now) => {
  const files: Record<string, ServedFile> = {
    'a.gguf': { bytes: WEIGHTS, headers: { etag: '"a"' }, breaks: { after: 600, how: 'end' } },
  };
  const asked = serve(files);
  const download = new ModelDownload(`${FOLDER}a.gguf`);
  await refusal(load(download));
  files['a.gguf'] = now;
  expect((await refusal(load(download))).message).toMatch(/has changed since|fewer bytes than had arrived/);
  const { file } = await load(download);
  expect(await bytesOf(file)).toEqual(now.bytes);
  expect(asked.at(-1)?.range).toBe('bytes=0-');
});

const text = (content: string, headers = {}): ServedFile => ({
  bytes: new TextEncoder().encode(content),
  headers,
});
test.each<[string, Record<string, ServedFile | string>, RegExp]>([
  ['no file', {}, /no model\.safetensors and no model\.safetensors\.index\.json/],
  [
    'a page in place of JSON',
    { 'config.json': ' <!doctype html>' },
    /config\.json could not be loaded: the server answers with a web page/,
  ],
  [
    'a page by its type',
    { 'model.safetensors': text('x', { 'content-type': 'text/html' }) },
    /model\.safetensors could not .* web page/,
  ],
  ['a status', { 'model.safetensors': { bytes: WEIGHTS, status: 503 } }, /HTTP 503/],
  ['an empty file', { 'model.safetensors': text('', {}) }, /it is empty/],
  [
    'a Git LFS pointer',
    { 'model.safetensors': 'version https://git-lfs.github.com/spec/v1\noid' },
    /Git LFS pointer/,
  ],
  [
    'a range from elsewhere',
    { 'model.safetensors': text('x', { 'content-range': 'bytes 5-5/9' }) },
    /bytes from 5 instead of from 0/,
  ],
  [
    'more than announced',
    {
      'model.safetensors': {
        bytes: WEIGHTS,
        headers: { 'content-length': '10', 'content-range': 'bytes 0-9/10' },
      },
    },
    /1000 bytes where the server announced 10/,
  ],
  [
    'a large JSON file',
    { 'tokenizer.json': text('{}', { 'content-range': 'bytes 0-1/999999999' }) },
    /more than the 33554432 bytes/,
  ],
  [
    'a missing shard',
    { 'model.safetensors.index.json': '{"weight_map":{"a":"b.safetensors"}}' },
    /has no "b\.safetensors"/,
  ],
  [
    'an index that leaves its folder',
    { 'model.safetensors.index.json': '{"weight_map":{"a":"../b.safetensors"}}' },
    /not the name of a file beside it/,
  ],
  [
    'JSON that is cut off',
    { 'model.safetensors.index.json': '{"weight_map":{"a"' },
    /is not JSON at character/,
  ],
  [
    'another kind of model',
    { 'config.json': '{"model_type":"mamba"}', 'model.safetensors': { bytes: WEIGHTS } },
    /model_type "mamba"/,
  ],
])('%s is refused by name', async (_, files, message) => {
  expect((await refusal(loadFrom(files))).message).toMatch(message);
});

test('a configuration that is not computed is refused before the weights are requested', async () => {
  const asked = serve({
    'config.json': '{"model_type":"llama","rope_scaling":{"rope_type":"yarn"}}',
    'model.safetensors': { bytes: WEIGHTS },
  });
  expect(await refusal(load(new ModelDownload(FOLDER)))).toMatchObject({ code: 'WRONG_MODEL' });
  expect(asked.map(({ url }) => url)).toEqual([`${FOLDER}config.json`]);
});
