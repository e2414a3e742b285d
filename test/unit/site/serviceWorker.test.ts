/** The service worker with a server, caches and versions that are made up; e2e/site.spec.ts has it in a browser. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { runInNewContext } from 'node:vm';
import { beforeEach, expect, test } from 'vitest';
import { serviceWorkerSource, siteFiles } from '../../../build/offline/files.ts';

const SCOPE = 'https://example.org/half/';
const TEMPLATE = readFileSync(new URL('../../../build/offline/serviceWorker.js', import.meta.url), 'utf8');

type Files = Record<string, string>;
const V1: Files = {
  'index.html': 'page 1',
  'assets/index-a.js': 'code 1',
  'assets/same-x.js': 'same',
  'assets/r50k_base-v.js': 'vocabulary',
  'texts/moby.txt': 'text 1',
  'docs/index.html': 'docs 1',
};
const { 'assets/index-a.js': _, ...others } = V1;
const V2: Files = {
  ...others,
  'index.html': 'page 2',
  'assets/index-b.js': 'code 2',
  'docs/index.html': 'docs 2',
};

/** What the server has; null where there is no connection. */
let server: Files | null;
let requested: string[];
/** The browser's caches: by name, then by address. */
let stored: Map<string, Map<string, Response>>;
beforeEach(() => {
  server = V1;
  requested = [];
  stored = new Map();
});

const sha = (text: string) => `sha256-${createHash('sha256').update(text).digest('base64')}`;
const addressOf = (request: string | Request) => (typeof request === 'string' ? request : request.url);

async function fetched(request: string | Request, { integrity }: RequestInit = {}): Promise<Response> {
  const url = new URL(addressOf(request));
  if (!server) throw new TypeError('Failed to fetch');
  const path = url.href
    .slice(SCOPE.length)
    .replace(/[?#].*/, '')
    .replace(/(^|\/)$/, '$1index.html');
  requested.push(path);
  const text = server[path];
  if (text === undefined) return new Response('', { status: 404 });
  if (integrity && sha(text) !== integrity) throw new TypeError('integrity');
  const response = new Response(text);
  Object.defineProperty(response, 'type', { value: 'basic' });
  return response;
}

function cache(name: string) {
  const entries = stored.get(name) ?? new Map<string, Response>();
  stored.set(name, entries);
  return {
    put: async (request: string | Request, response: Response) =>
      void entries.set(addressOf(request), response.clone()),
    match: async (request: string | Request) => entries.get(addressOf(request))?.clone(),
    keys: async () => [...entries.keys()].map((url) => ({ url })),
  };
}

const caches = {
  open: async (name: string) => cache(name),
  keys: async () => [...stored.keys()],
  delete: async (name: string) => stored.delete(name),
  match: async (url: string) =>
    [...stored.values()]
      .find((entries) => entries.has(url))
      ?.get(url)
      ?.clone(),
};

/** Starts the service worker of a version. */
function worker(files: Files) {
  const bytes = new Map(Object.entries(files).map(([path, text]) => [path, new TextEncoder().encode(text)]));
  const listeners: Record<string, (event: object) => void> = {};
  const self = {
    registration: { scope: SCOPE },
    clients: { claim: async () => {} },
    skipWaiting: async () => {},
    addEventListener: (name: string, listener: (event: object) => void) => {
      listeners[name] = listener;
    },
  };
  const source = serviceWorkerSource(TEMPLATE, siteFiles(bytes));
  runInNewContext(source, { self, caches, fetch: fetched, Response, URL, crypto, btoa });
  const wait = async (name: string) => {
    const waited: Promise<void>[] = [];
    listeners[name]!({ waitUntil: (promise: Promise<void>) => waited.push(promise) });
    await Promise.all(waited);
  };
  return {
    start: async () => {
      await wait('install');
      await wait('activate');
    },
    /** The text that a page gets; null where the worker leaves the request to the browser. */
    get: async (path: string, init?: RequestInit): Promise<string | null> => {
      const answers: Promise<Response>[] = [];
      const request = new Request(SCOPE + path, init);
      listeners.fetch!({ request, respondWith: (promise: Promise<Response>) => answers.push(promise) });
      return (await answers[0])?.text() ?? null;
    },
  };
}

test('without a connection the page and its parts are there; a text and a vocabulary once they were used', async () => {
  const one = worker(V1);
  await one.start();
  expect(await one.get('texts/moby.txt')).toBe('text 1');
  server = null;
  for (const path of ['', '?preset=smoke', 'index.html']) expect(await one.get(path)).toBe('page 1');
  expect(await one.get('assets/index-a.js')).toBe('code 1');
  expect(await one.get('texts/moby.txt')).toBe('text 1');
  await expect(one.get('docs/')).rejects.toThrow('Failed to fetch');
  await expect(one.get('assets/r50k_base-v.js')).rejects.toThrow('Failed to fetch');
});

test('with a connection the server is asked first, except for files whose content cannot change', async () => {
  const one = worker(V1);
  await one.start();
  server = V2;
  requested = [];
  expect(await one.get('')).toBe('page 2');
  expect(await one.get('assets/index-a.js')).toBe('code 1');
  expect(await one.get('assets/index-b.js')).toBe('code 2');
  expect(requested).toEqual(['index.html', 'assets/index-b.js']);
});

test('a new version is kept as a whole, with what was used before; a page of the old one finds its parts', async () => {
  const one = worker(V1);
  await one.start();
  await one.get('docs/');
  server = V2;
  const two = worker(V2);
  await two.start();
  expect(requested.filter((path) => path === 'assets/same-x.js')).toHaveLength(1);
  server = null;
  expect(await two.get('')).toBe('page 2');
  expect(await two.get('assets/index-b.js')).toBe('code 2');
  expect(await two.get('docs/')).toBe('docs 2');
  expect(await two.get('assets/index-a.js')).toBe('code 1');
});

test('only the version before is kept besides the newest', async () => {
  const versions = [V1, V2, { ...V2, 'index.html': 'page 3' }];
  for (const files of versions) {
    server = files;
    await worker(files).start();
  }
  expect(stored.size).toBe(2);
  server = null;
  const newest = worker(versions[2]!);
  expect(await newest.get('')).toBe('page 3');
  await expect(newest.get('assets/index-a.js')).rejects.toThrow('Failed to fetch');
});

test('in the middle of a deployment nothing is kept, and the old version stays whole', async () => {
  const one = worker(V1);
  await one.start();
  server = { ...V2, 'index.html': 'page 1' };
  await expect(worker(V2).start()).rejects.toThrow('integrity');
  server = { ...V2 };
  delete server['assets/index-b.js'];
  await expect(worker(V2).start()).rejects.toThrow('assets/index-b.js: HTTP 404');
  expect(stored.size).toBe(1);
  server = null;
  expect(await one.get('')).toBe('page 1');
  expect(await one.get('assets/index-a.js')).toBe('code 1');
});

test('a file of another version is not kept among those of this one', async () => {
  const one = worker(V1);
  await one.start();
  server = V2;
  expect(await one.get('docs/')).toBe('docs 2');
  server = null;
  await expect(one.get('docs/')).rejects.toThrow('Failed to fetch');
});

test('other sites in the same host, other methods and unknown files are left alone', async () => {
  stored.set('halfstep https://example.org/ 1', new Map());
  const one = worker(V1);
  await one.start();
  expect([...stored.keys()]).toContain('halfstep https://example.org/ 1');
  expect(await one.get('', { method: 'POST' })).toBeNull();
  expect(await one.get('harness/index.html')).toBeNull();
});
