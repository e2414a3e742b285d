/** Tests how the worker opens files, and the archives it writes. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { unzipSync } from 'fflate';
import { beforeEach, expect, test } from 'vitest';
import { tokenizerJson } from '../../../src/engine/checkpoint/huggingface.ts';
import { writeSafetensors } from '../../../src/engine/checkpoint/safetensors.ts';
import { GPT2_KINDS } from '../../../src/engine/config/gptConfig.ts';
import { PRESETS } from '../../../src/engine/config/presets.ts';
import { DEFAULTS, FIELDS } from '../../../src/engine/config/settings/table.ts';
import { archive } from '../../../src/session/archive.ts';
import { checkCluster } from '../../../src/session/cluster.ts';
import { OpenFiles } from '../../../src/session/files.ts';
import type { SessionEvent } from '../../../src/session/protocol.ts';
import { concatenated } from '../checkpoint/files.ts';
import { thrownBy } from '../thrownBy.ts';

const GPT2 = readFileSync(fileURLToPath(new URL('../../fixtures/gpt2_conv1d.safetensors', import.meta.url)));

let events: SessionEvent[];
let files: OpenFiles;
beforeEach(() => {
  events = [];
  files = new OpenFiles((event) => events.push(event));
});

const open = (
  id: number,
  bytes: Uint8Array,
  config: string | Uint8Array | null = null,
  tokenizer: string | null = null,
) =>
  files.open({
    type: 'openFile',
    id,
    file: new File([bytes as Uint8Array<ArrayBuffer>], 'some.safetensors'),
    config: config === null ? null : new File([config as BlobPart], 'config.json'),
    tokenizer: tokenizer === null ? null : new File([tokenizer], 'tokenizer.json'),
    generation: null,
    shards: [],
  });

const run = (change: object = {}) => ({
  ...{ version: 1, config: PRESETS.smoke.config, storage: null, kernels: { matmul: 'register8' } },
  ...{ adapter: 'a GPU', firstLoss: null, savedAt: 5, tokenizer: { kind: 'byte' } },
  text: { name: 'letters.txt', checksum: 'f00d', builtin: null },
  progress: { attempted: 20, applied: 19, skipped: 1, lossScale: 1, growthTracker: 0, nextMicroBatch: 20 },
  ...change,
});
const runFile = (content: object) =>
  concatenated(writeSafetensors([], { halfstep: JSON.stringify(content) }));

test('a model file reports its shape, and its heads if there is a configuration', async () => {
  await open(1, GPT2);
  await open(2, GPT2, '{"n_head":4}');
  const file = {
    ...{ kind: 'model', name: 'some.safetensors', tokenizer: null, likelyTokenizer: null, notes: [] },
    shape: { layers: 2, width: 16, context: 8, vocabulary: 11, tied: true, ...GPT2_KINDS },
  };
  expect(events).toEqual([
    { type: 'fileOpened', id: 1, file: { ...file, heads: null } },
    { type: 'fileOpened', id: 2, file: { ...file, heads: 4 } },
  ]);
  // Only the newest is kept.
  expect(files.get(2).kind).toBe('model');
  expect(() => files.get(1)).toThrow('The file is no longer open.');
});

test('the files beside a model are read as on the command line', async () => {
  const tokenizer = tokenizerJson({ kind: 'char', characters: 'cab' });
  await open(1, GPT2, '\uFEFF{"n_head":2,"initializer_range":NaN}', tokenizer);
  await open(2, GPT2, new Uint8Array(Buffer.from('\uFEFF{"n_head":2}', 'utf16le')));
  await open(3, GPT2, '{"n_head":4,"n_layer":12}');
  await open(4, GPT2, null, '{"model":{"type":"Unigram"}}');
  expect(events[0]).toMatchObject({ type: 'fileOpened', file: { heads: 2, tokenizer: 'char' } });
  expect(files.tokenizer(1)).toEqual({ kind: 'char', characters: 'cab' });
  const messages = events.slice(1).map((event) => event.type === 'fileRefused' && event.error.message);
  expect(messages).toEqual([
    'The config.json beside "some.safetensors" is not UTF-8.',
    'The config.json beside "some.safetensors" says n_layer 12 where the weights have 2.',
    'The tokenizer.json beside "some.safetensors" has a model of type Unigram; only BPE is supported.',
  ]);
});

test('a run file is recognised, and its own tokenizer reads its text', async () => {
  await open(1, await runFile(run()));
  expect(events[0]).toMatchObject({
    type: 'fileOpened',
    file: { kind: 'run', saved: { step: 20, savedAt: 5, text: { name: 'letters.txt', builtin: null } } },
  });
  expect(files.tokenizer(1)).toEqual({ kind: 'byte' });
  expect(files.tokenizer(undefined)).toBeNull();
});

test('unusable files are refused with a code, and the open file stays', async () => {
  await open(1, GPT2);
  await open(2, GPT2.subarray(0, 5000));
  await open(3, await concatenated(writeSafetensors([], {})));
  await open(4, await runFile(run({ version: 7 })));
  await open(5, GPT2, '{"n_head":4,"activation_function":"relu"}');
  const codes = events.slice(1).map((event) => event.type === 'fileRefused' && event.error.code);
  expect(codes).toEqual(['BAD_FILE', 'WRONG_MODEL', 'WRONG_RUN', 'WRONG_MODEL']);
  expect(files.get(1).kind).toBe('model');
});

test('an archive contains every file complete, uncompressed and in one folder', async () => {
  const bytes = Uint8Array.from({ length: 100_000 }, (_, i) => i * 7);
  const held = new Uint8Array(1000);
  const blob = await archive('a-run', [
    { name: 'text.txt', pieces: () => [new TextEncoder().encode('Call me Ishmael.')] },
    {
      name: 'weights',
      // As a reader would that reuses its buffer.
      async *pieces() {
        for (let at = 0; at < bytes.length; at += held.length) {
          held.set(bytes.subarray(at, at + held.length));
          yield held;
        }
      },
    },
  ]);
  const found = unzipSync(new Uint8Array(await blob.arrayBuffer()));
  expect(Object.keys(found)).toEqual(['a-run/text.txt', 'a-run/weights']);
  expect(new TextDecoder().decode(found['a-run/text.txt'])).toBe('Call me Ishmael.');
  expect(found['a-run/weights']).toEqual(bytes);
  expect(blob.size).toBeGreaterThan(bytes.length);
});

test('a run that the PyTorch program cannot continue is refused by name', async () => {
  const described = (config: object) => ({ config: { ...PRESETS.smoke.config, ...config } });
  checkCluster(described({ precision: 'bf16' }));
  expect(thrownBy(() => checkCluster(described({ precision: 'fp8' }))).message).toContain('precision fp8');
  const llama = { norm: 'rmsnorm', position: 'rope', mlp: 'swiglu', biases: 'none', zLoss: 1e-4 };
  checkCluster(described(llama));
  expect(thrownBy(() => checkCluster(described({ ...llama, layerScale: 0.1 }))).message).toContain(
    'The model has layer-scale 0.1',
  );
  expect(thrownBy(() => checkCluster(described({ dropout: 0.1 }))).message).toContain('with dropout 0.1.');
  expect(thrownBy(() => checkCluster(described({ tokenizer: 'gpt2' }))).message).toContain('tokenizer gpt2');
  expect(thrownBy(() => checkCluster(described({ optimState: 'fp8' }))).message).toContain('optim-state fp8');
});

test('the PyTorch program continues runs with the default of every setting', () => {
  const program = readFileSync(new URL('../../../public/halfstep_model.py', import.meta.url), 'utf8');
  const [, words] = /^OFF = \((.*)\)$/m.exec(program)!;
  const off = words!
    .split(', ')
    .map((word) => JSON.parse(word.replace('None', 'null').replace('False', 'false')));
  const unknown = FIELDS.filter((field) => !new RegExp(`\\b${field}\\b`).test(program));
  // A setting that the program does not name is refused unless it is off: name it there, in KNOWN or with its value in ONLY.
  expect(unknown.filter((field) => !off.includes(DEFAULTS[field]))).toEqual([]);
});
