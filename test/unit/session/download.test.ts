import { afterEach, expect, test, vi } from 'vitest';
import { downloadText } from '../../../src/session/download.ts';
import { errorReport } from '../../../src/session/errorReport.ts';

const ADDRESS = 'https://texts.example/books/king%20lear.txt?v=2';
const { signal } = new AbortController();

afterEach(() => vi.unstubAllGlobals());

/** Responds to every request with these chunks. */
function serve(chunks: readonly (string | Uint8Array)[], init: ResponseInit = {}) {
  const body = () =>
    new ReadableStream({
      start(controller) {
        for (const chunk of chunks) {
          controller.enqueue(typeof chunk === 'string' ? new TextEncoder().encode(chunk) : chunk);
        }
        controller.close();
      },
    });
  const fetch = vi.fn(async (_url: URL, _init: RequestInit) => new Response(body(), init));
  vi.stubGlobal('fetch', fetch);
  return fetch;
}

const refusal = async (address = ADDRESS) =>
  errorReport(await downloadText(address, { signal }).catch((cause: unknown) => cause));

test('the text becomes a file, with progress in bytes', async () => {
  const fetch = serve(['To be, ', 'or not'], { headers: { 'content-length': '13' } });
  const seen: unknown[] = [];
  const file = await downloadText(ADDRESS, { signal, onProgress: (...at) => seen.push(at) });
  expect([file.name, await file.text()]).toEqual(['king lear.txt', 'To be, or not']);
  expect(seen).toEqual([
    [7, 13],
    [13, 13],
  ]);
  expect(fetch.mock.calls[0]![1]).toMatchObject({ credentials: 'omit', referrerPolicy: 'no-referrer' });
});

test('a size that the server does not state, or states wrongly, is not shown', async () => {
  serve(['abcdef'], { headers: { 'content-length': '3' } });
  const seen: unknown[] = [];
  await downloadText('https://texts.example/', { signal, onProgress: (...at) => seen.push(at) });
  expect(seen).toEqual([[6, null]]);
});

test('a text larger than the buffer is returned whole', async () => {
  const chunk = new Uint8Array(3 * 2 ** 20).fill(0x61);
  serve([chunk, chunk, chunk, chunk]);
  const file = await downloadText('https://texts.example', { signal });
  expect([file.name, file.size]).toEqual(['texts.example', 12 * 2 ** 20]);
});

test.each([
  '',
  'texts.example/a.txt',
  'ftp://texts.example/a',
  'javascript:alert(1)',
  'file:///etc/hosts',
  'https://',
])('the address %j is refused without a request', async (address) => {
  const fetch = serve(['a']);
  expect(await refusal(address)).toMatchObject({
    code: 'TEXT_UNAVAILABLE',
    hint: expect.stringContaining('https://'),
  });
  expect(fetch).not.toHaveBeenCalled();
});

test('without a response the hint says that the server must allow other sites', async () => {
  vi.stubGlobal('fetch', async () => {
    throw new TypeError('Failed to fetch');
  });
  const { code, message, hint } = await refusal();
  expect(code).toBe('TEXT_UNAVAILABLE');
  expect(message).toContain('does not allow other sites to read it (Failed to fetch)');
  expect(hint).toContain('Access-Control-Allow-Origin');
});

test('an http address on an https page has its own hint', async () => {
  vi.stubGlobal('location', { protocol: 'https:' });
  vi.stubGlobal('fetch', async () => {
    throw new TypeError('Failed to fetch');
  });
  expect((await refusal('http://texts.example/a.txt')).hint).toContain('may not read http addresses');
});

test.each([404, 503])('HTTP %i is reported', async (status) => {
  serve(['no'], { status });
  expect((await refusal()).message).toContain(`the server answers HTTP ${status}`);
});

test.each([
  ['empty', [], /empty/],
  ['binary', ['PK', Uint8Array.of(3, 4, 0)], /binary: byte 4/],
  ['not UTF-8', ['caf', Uint8Array.of(0xe9, 0x20)], /byte 3 \(0xe9\)/],
  ['cut off in a character', ['a', Uint8Array.of(0xf0, 0x9f)], /byte 1 \(0xf0\)/],
] as const)('data that is %s is refused', async (_, chunks, message) => {
  serve(chunks);
  expect(await refusal()).toMatchObject({ code: 'BAD_TEXT', message: expect.stringMatching(message) });
});

test('a text that is announced as too large is not downloaded', async () => {
  serve(['a'], { headers: { 'content-length': String(2 ** 31) } });
  expect((await refusal()).message).toContain(String(2 ** 31));
});

test('cancelling ends the download', async () => {
  const abort = new AbortController();
  let pulled = 0;
  const body = new ReadableStream({
    pull(controller) {
      pulled += 1;
      controller.enqueue(new Uint8Array(10).fill(0x61));
    },
  });
  vi.stubGlobal('fetch', async (_url: URL, { signal }: RequestInit) => {
    signal!.addEventListener('abort', () => body.cancel().catch(() => undefined));
    return new Response(body);
  });
  const loading = downloadText(ADDRESS, { signal: abort.signal, onProgress: () => abort.abort() });
  await expect(loading).rejects.toThrow(/abort/i);
  expect(pulled).toBeLessThan(10);
});
