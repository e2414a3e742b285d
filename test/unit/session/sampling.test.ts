import { afterEach, beforeEach, expect, type MockInstance, test, vi } from 'vitest';
import { EngineError, type SampledToken } from '../../../src/engine/index.ts';
import type { SampleWatch } from '../../../src/engine/train/sampler.ts';
import type { SessionEvent } from '../../../src/session/protocol.ts';
import { Sampling, type Writer } from '../../../src/session/sampling.ts';

const request = { prompt: 'x', length: 4, temperature: 1, topK: 0, seed: 1 };
const token: SampledToken = { text: 'a', probability: 1, top: [] };

let events: SessionEvent[];
let sampling: Sampling;
let next: () => void;

/** Writes a token whenever `next` is called, until it is aborted. */
const writer: Writer = {
  run: 0,
  step: 5,
  loss: 2,
  stop: [7],
  trainer: {
    async generate({ length }, { onToken, signal }: SampleWatch = {}) {
      let text = '';
      for (let i = 0; i < length && !signal?.aborted; i++) {
        await new Promise<void>((resolve) => {
          next = resolve;
        });
        text += token.text;
        onToken?.(token);
      }
      return { ids: [...text].map(() => 0), text, tokensPerSec: 7 };
    },
  },
};

const types = () => events.map(({ type }) => type);
const turn = () => new Promise((resolve) => setTimeout(resolve, 0));
const writeAll = async (count: number) => {
  for (let i = 0; i < count; i++) {
    await turn();
    next();
  }
  await turn();
};

/** It stands still, so that tokens are sent in batches only where a test says so. */
let clock: MockInstance<() => number>;

beforeEach(() => {
  clock = vi.spyOn(performance, 'now').mockReturnValue(0);
  events = [];
  sampling = new Sampling((event) => events.push(event));
});

afterEach(() => clock.mockRestore());

test('a stopped sample contains the text so far', async () => {
  sampling.ask(() => [writer], request);
  await writeAll(1);
  sampling.stop('asked');
  await writeAll(1);
  await sampling.idle;
  expect(events.at(-1)).toMatchObject({
    type: 'sampled',
    sample: { text: 'aa', kind: 'asked', step: 5, tokensPerSec: 7 },
  });
});

test('a sample ends at the tokens that end a text, of the weights that were asked for', async () => {
  const generate = vi.fn(async () => ({ ids: [3], text: 'a', tokensPerSec: null }));
  const told: Writer = { ...writer, trainer: { generate } };
  await sampling.draw(told, request, 'live');
  sampling.ask(() => [told], { ...request, weights: 'average' });
  await sampling.idle;
  const watch = expect.objectContaining({ onToken: expect.any(Function) });
  expect(generate.mock.calls).toEqual([
    [{ ...request, stop: [7] }, watch, undefined],
    [{ ...request, stop: [7] }, watch, 'average'],
  ]);
  expect(events.at(-1)).toMatchObject({ type: 'sampled', sample: { ids: [3], weights: 'average' } });
});

test('stopping the visitor’s sample does not stop a sample of the run', async () => {
  const done = sampling.draw(writer, request, 'live');
  await writeAll(1);
  sampling.stop('asked');
  await writeAll(3);
  await done;
  expect(events.at(-1)).toMatchObject({ type: 'sampled', sample: { text: 'aaaa', kind: 'live' } });
});

test('tokens are sent in batches and none is lost', async () => {
  sampling.ask(() => [writer], request);
  await writeAll(2);
  expect(types()).toEqual(['sampling']);
  clock.mockReturnValue(100);
  await writeAll(1);
  expect(events.at(-1)).toMatchObject({ type: 'sampleTokens', tokens: [token, token, token] });
  await writeAll(1);
  await sampling.idle;
  expect(types()).toEqual(['sampling', 'sampleTokens', 'sampled']);
  expect(events.at(-1)).toMatchObject({ sample: { tokens: [token, token, token, token] } });
});

test('samples are written one at a time, in order', async () => {
  sampling.ask(() => [writer], request);
  sampling.ask(() => [writer], request);
  await writeAll(4);
  expect(types()).toEqual(['sampling', 'sampled', 'sampling']);
  await writeAll(4);
  await sampling.idle;
  expect(types().at(-1)).toBe('sampled');
});

test('a run goes on without the sample for which there is no memory, and other errors end it', async () => {
  const failing = (error: Error): Writer => ({
    ...writer,
    trainer: { generate: () => Promise.reject(error) },
  });
  const full = new EngineError('OUT_OF_MEMORY', 'The GPU is full.', 'Use less.');
  await sampling.draw(failing(full), request, 'live');
  expect(events.at(-1)).toEqual({
    type: 'sampleRefused',
    error: expect.objectContaining({ code: 'OUT_OF_MEMORY', message: 'The GPU is full.' }),
  });
  await expect(sampling.draw(failing(new Error('gone')), request, 'end')).rejects.toThrow('gone');
});

const none = (): Writer[] => [];
const theWriter = (): Writer[] => [writer];

test.each([
  ['without a model', none, request, /no trained model/],
  ['of no length', theWriter, { ...request, length: 0 }, /length is 0/],
  ['at a negative temperature', theWriter, { ...request, temperature: -1 }, /temperature is -1/],
] as const)('a sample %s is refused', async (_, writersNow, asked, message) => {
  sampling.ask(writersNow, asked);
  await sampling.idle;
  expect(events).toEqual([
    {
      type: 'sampleRefused',
      error: expect.objectContaining({ code: 'BAD_VALUE', message: expect.stringMatching(message) }),
    },
  ]);
});
