import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { PRESETS } from '../../../src/engine/config/presets.ts';
import { NOT_EVALUATED } from '../../../src/engine/model/best.ts';
import type { SessionEvent } from '../../../src/session/protocol.ts';
import { Session } from '../../../src/session/session.ts';
import { eventually } from '../eventually.ts';

// Texts are really read; training on them needs a GPU and has its own tests.
vi.mock('../../../src/engine/index.ts', async (actual) => {
  const limits = { maxStorageBufferBindingSize: 2 ** 27, maxBufferSize: 2 ** 28 };
  return {
    ...(await actual<object>()),
    openDevice: async () => ({
      device: { lost: new Promise(() => {}) },
      report: { name: 'fake', limits },
    }),
    createTrainer: async () => ({
      destroy() {},
      generate: async () => ({ ids: [], text: '', tokensPerSec: null }),
      numerics: { prepare: async () => {} },
      ...{
        submittedSteps: 0,
        best: NOT_EVALUATED,
        report: { name: 'fake' },
        config: { precision: 'fp32' },
        kernels: {},
        changes: [],
        pace: {},
      },
    }),
    runTraining: async () => ({ appliedSteps: 1 }),
  };
});

const config = PRESETS.smoke.config;
const schedule = 'sequential';
let events: SessionEvent[];
let session: Session;

beforeEach(() => {
  vi.stubGlobal('navigator', { gpu: {} });
  events = [];
  session = new Session((event) => events.push(event));
});

afterEach(() => {
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

const types = () => events.map(({ type }) => type);
const happened = (type: SessionEvent['type']) => eventually(() => expect(types()).toContain(type));

test('a text is read once, for all trainings on it', async () => {
  const file = new File(['abc\n'.repeat(500)], 'own.txt');
  const stream = vi.spyOn(file, 'stream');
  session.handle({ type: 'checkText', id: 7, file, use: config });
  await happened('textChecked');
  const reads = stream.mock.calls.length;
  expect(reads).toBe(2); // the characters, then the tokens
  for (const precision of ['fp32', 'fp16'] as const) {
    session.handle({
      type: 'train',
      configs: [{ ...config, precision }],
      schedule,
      text: { kind: 'own', id: 7, file },
    });
  }
  await eventually(() => expect(types().filter((type) => type === 'completed')).toHaveLength(2));
  expect(stream.mock.calls.length).toBe(reads);
  session.handle({
    type: 'train',
    configs: [config],
    schedule,
    text: { kind: 'own', id: 8, file },
  });
  await eventually(() => expect(types().filter((type) => type === 'completed')).toHaveLength(3));
  expect(stream.mock.calls.length).toBe(2 * reads);
});

test('a cancelled text sends no more events', async () => {
  let read: () => void = () => {};
  const file = new File(['abc\n'.repeat(500)], 'own.txt');
  const held = new Promise<void>((resolve) => {
    read = resolve;
  });
  vi.spyOn(file, 'stream').mockImplementation(
    () =>
      new ReadableStream({
        async pull(controller) {
          await held;
          controller.enqueue(new Uint8Array(10).fill(0x61));
        },
      }),
  );
  session.handle({ type: 'checkText', id: 1, file, use: config });
  session.handle({ type: 'cancelText', id: 1 });
  session.handle({ type: 'checkText', id: 2, file: new File(['abc\n'.repeat(500)], 'b.txt'), use: config });
  read();
  await happened('textChecked');
  // A slow machine reports the progress of the other text first.
  expect(events.filter((event) => !('id' in event) || event.id !== 2)).toEqual([]);
  expect(events.at(-1)).toMatchObject({ type: 'textChecked', id: 2 });
});

test('a training that is stopped while its text is read ends', async () => {
  const file = new File(['abc\n'.repeat(500_000)], 'own.txt');
  const stream = file.stream.bind(file);
  vi.spyOn(file, 'stream').mockImplementation(() => {
    setImmediate(() => session.handle({ type: 'stop', abandon: false }));
    return stream();
  });
  session.handle({ type: 'train', configs: [config], schedule, text: { kind: 'own', id: 3, file } });
  await happened('completed');
  expect(types()).toEqual(['completed']);
});

test('the tokens of a text are counted as the training will use them', async () => {
  session.handle({ type: 'checkText', id: 1, file: new File(['abc\n'.repeat(500)], 'own.txt'), use: config });
  await happened('textChecked');
  expect(events).toEqual([
    {
      type: 'textChecked',
      id: 1,
      facts: {
        name: 'own.txt',
        bytes: 2000,
        tokens: 2000,
        vocabulary: 4,
        checksum: expect.stringMatching(/^[0-9a-f]{16}$/),
        endMarks: 0,
        unlearned: 0,
      },
      file: expect.any(File),
    },
  ]);
});

test('a text that the site does not serve is reported with its address', async () => {
  vi.stubGlobal(
    'fetch',
    async () => new Response('<!doctype html>', { headers: { 'content-type': 'text/html' } }),
  );
  session.handle({
    type: 'train',
    configs: [config],
    schedule,
    text: { kind: 'builtIn', id: 'sotu', folder: '/texts/' },
  });
  await happened('failed');
  expect(events).toEqual([
    {
      type: 'failed',
      error: expect.objectContaining({
        code: 'TEXT_UNAVAILABLE',
        message: 'The text at /texts/sotu.txt could not be loaded: the server sent a web page instead.',
      }),
    },
  ]);
});

test('a text with a smaller vocabulary than the weights is padded only on request', async () => {
  const weights = readFileSync(new URL('../../fixtures/gpt2_conv1d.safetensors', import.meta.url));
  const file = new File([new Uint8Array(weights)], 'm.safetensors');
  session.handle({
    type: 'openFile',
    id: 3,
    file,
    config: null,
    tokenizer: null,
    generation: null,
    shards: [],
  });
  await happened('fileOpened');
  const shape = { layers: 2, heads: 2, width: 16, context: 8, vocabulary: 11 };
  const text = { kind: 'own', id: 7, file: new File(['abcdefghi'.repeat(50)], 'own.txt') } as const;
  const command = { type: 'train', schedule, configs: [{ ...config, ...shape }], from: 3, text } as const;
  session.handle({ ...command, fill: false });
  await happened('failed');
  expect(events.find(({ type }) => type === 'failed')).toMatchObject({
    error: {
      message: '"m.safetensors" has 11 tokens, but the char tokenizer has 9 for this text.',
      hint: expect.stringContaining('or Vocabulary 11 under Data if its other tokens are only padding'),
    },
  });
  session.handle({ ...command, fill: true });
  await happened('completed');
});
