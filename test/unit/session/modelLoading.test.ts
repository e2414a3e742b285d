/** Which downloads of models are continued, and what is reported of them. */
import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { OpenFiles } from '../../../src/session/files.ts';
import { ModelLoading } from '../../../src/session/modelLoading.ts';
import type { SessionEvent } from '../../../src/session/protocol.ts';
import { eventually } from '../eventually.ts';
import { type Asked, type ServedFile, serve } from './modelServer.ts';

const GPT2 = new Uint8Array(readFileSync(new URL('../../fixtures/gpt2_conv1d.safetensors', import.meta.url)));
const ADDRESS = 'https://models.example/tiny/model.safetensors';
const BROKEN: ServedFile = { bytes: GPT2, breaks: { after: 1000, how: 'end' } };

let events: SessionEvent[];
let loading: ModelLoading;
let files: Record<string, ServedFile>;
let asked: Asked[];

beforeEach(() => {
  events = [];
  const post = (event: SessionEvent) => events.push(event);
  loading = new ModelLoading(post, new OpenFiles(post));
  files = { 'model.safetensors': BROKEN };
  asked = serve(files);
});
afterEach(() => vi.unstubAllGlobals());

const ranges = () => asked.filter(({ url }) => url === ADDRESS).map(({ range }) => range);

/** Waits until attempt `id` has ended. */
async function load(id: number, address = ADDRESS): Promise<SessionEvent['type']> {
  loading.handle({ type: 'loadModel', id, address });
  const isEnd = (event: SessionEvent) =>
    (event.type === 'fileOpened' || event.type === 'fileRefused') && event.id === id;
  await eventually(() => expect(events.some(isEnd)).toBe(true));
  return events.find(isEnd)!.type;
}

test('a broken download is continued by the next attempt at the same address, and its model is opened', async () => {
  expect(await load(1)).toBe('fileRefused');
  files['model.safetensors'] = { bytes: GPT2 };
  expect(await load(2)).toBe('fileOpened');
  expect(ranges()).toEqual(['bytes=0-', 'bytes=1000-']);
  expect(events.at(-1)).toMatchObject({ id: 2, file: { kind: 'model', name: 'model.safetensors' } });
  const progress = events.flatMap((event) => (event.type === 'fileProgress' ? event.progress : []));
  expect(progress.map(({ name }) => name)).toContain('config.json');
  expect(progress.at(-1)).toMatchObject({ name: 'model.safetensors', resumable: true, size: GPT2.length });
  // Nothing of an opened model is kept twice.
  expect(await load(3)).toBe('fileOpened');
  expect(ranges().at(-1)).toBe('bytes=0-');
});

test('another address, or closing the file, drops what had arrived', async () => {
  await load(1);
  await load(2, 'https://models.example/other/model.safetensors');
  await load(3);
  loading.handle({ type: 'cancelFile', keep: false });
  await load(4);
  expect(ranges()).toEqual(['bytes=0-', 'bytes=0-', 'bytes=0-']);
});

test('a cancelled download reports nothing more, and what had arrived is kept', async () => {
  await load(1);
  loading.handle({ type: 'loadModel', id: 2, address: ADDRESS });
  loading.handle({ type: 'cancelFile', keep: true });
  files['model.safetensors'] = { bytes: GPT2 };
  expect(await load(3)).toBe('fileOpened');
  expect(events.some((event) => event.type === 'fileRefused' && event.id === 2)).toBe(false);
  expect(ranges().at(-1)).toBe('bytes=1000-');
});

test('an address that is none is refused without a request', async () => {
  expect(await load(1, 'models.example/tiny')).toBe('fileRefused');
  expect(events).toEqual([
    expect.objectContaining({ error: expect.objectContaining({ code: 'MODEL_UNAVAILABLE' }) }),
  ]);
  expect(asked).toEqual([]);
});
