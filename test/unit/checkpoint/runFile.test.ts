import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { openRun, writerOf } from '../../../src/engine/checkpoint/openRun.ts';
import { bytesSource } from '../../../src/engine/checkpoint/randomAccess.ts';
import { checkOptimizer, checkStates } from '../../../src/engine/checkpoint/restore.ts';
import { type RunDescription, readEntry, writeRun } from '../../../src/engine/checkpoint/runFile.ts';
import { writeSafetensors } from '../../../src/engine/checkpoint/safetensors.ts';
import { PRESETS } from '../../../src/engine/config/presets.ts';
import type { TrainConfig } from '../../../src/engine/config/trainConfig.ts';
import { HALFSTEP_VERSION } from '../../../src/engine/core/version.ts';
import { bytesPerElement } from '../../../src/engine/gpu/tensor.ts';
import { initialStepState } from '../../../src/engine/kernels/stepState.ts';
import { type StateEntry, stateEntries } from '../../../src/engine/model/runState.ts';
import { DEFAULT_LIMITS, runTensors } from '../../../src/engine/model/tensors.ts';
import { thrownBy } from '../thrownBy.ts';

const CONFIG: TrainConfig = { ...PRESETS.smoke.config, precision: 'bf16-split', width: 32, context: 16 };

const CHANGE = { step: 4, what: 'adapter', from: 'its first', to: 'an adapter' } as const;

function describe(config: TrainConfig): RunDescription {
  return {
    config,
    storage: null,
    kernels: { matmul: 'register8' },
    adapter: 'an adapter',
    changes: [CHANGE],
    text: {
      name: 'Moby Dick',
      checksum: '0123456789abcdef',
      tokens: '00ff00ff00ff00ff',
      builtin: 'moby-dick',
    },
    tokenizer: { kind: 'char', characters: 'abc' },
    firstLoss: 3.5,
    savedAt: 1234567890123,
  };
}

function entriesOf(config: TrainConfig): StateEntry[] {
  return stateEntries(runTensors(config, 65, DEFAULT_LIMITS));
}

async function bytesOf(pieces: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const all: Uint8Array[] = [];
  for await (const piece of pieces) all.push(piece.slice());
  return Buffer.concat(all);
}

/** A run whose tensors hold 1, 2, 3, ... */
async function savedRun(config = CONFIG): Promise<Uint8Array> {
  const state = initialStepState(1024);
  const words = new Uint32Array(state);
  words[4] = 7;
  words[15] = 9;
  const snapshot = {
    step: 9,
    entries: entriesOf(config),
    bytesOf: ({ name, slices, type }: StateEntry) =>
      name === 'step_state'
        ? [new Uint8Array(state)]
        : slices.map(({ elements }) =>
            Uint8Array.from({ length: elements * bytesPerElement(type) }, (_, i) => i + 1),
          ),
    release() {},
  };
  return bytesOf(writeRun(snapshot, describe(config)));
}

const open = (bytes: Uint8Array) => openRun(bytesSource('run.safetensors', bytes));

/** A file with the metadata of a run, changed. */
async function withMetadata(change: (run: Record<string, unknown>) => unknown): Promise<Uint8Array> {
  const { file } = await open(await savedRun());
  const run = change(JSON.parse(file.metadata.get('halfstep')!));
  return bytesOf(writeSafetensors([], { halfstep: typeof run === 'string' ? run : JSON.stringify(run) }));
}

test('a run is read as it was written, with tensor names that other tools know', async () => {
  const run = await open(await savedRun());
  expect(run.description).toEqual(describe(CONFIG));
  expect(run.progress).toEqual({
    attempted: 9,
    applied: 7,
    skipped: 0,
    lossScale: 1024,
    growthTracker: 0,
    nextMicroBatch: 9 * CONFIG.accumulation,
  });
  const { tensors } = run.file;
  expect(tensors.get('h.0.attn.c_attn.weight')).toMatchObject({ dtype: 'BF16', shape: [32, 96] });
  expect(tensors.get('adam.v.ln_f.bias')).toMatchObject({ dtype: 'F32', shape: [32] });
  expect(tensors.get('parameters.0#low')).toMatchObject({ dtype: 'U32' });
  for (const entry of entriesOf(CONFIG)) {
    if (entry.name !== 'step_state') expect((await readEntry(run, entry))[4]).toBe(5);
  }
});

test('a vocabulary matrix in slices is one tensor of the file', () => {
  const limits = { maxBindingBytes: 2 ** 17 };
  const config = { ...CONFIG, precision: 'fp32', vocabulary: 2000 } as const;
  const [wte] = stateEntries(runTensors(config, 65, limits));
  expect(wte).toMatchObject({ name: 'wte.weight', shape: [2048, 32] });
  expect(wte!.slices.length).toBeGreaterThan(1);
});

test.each([
  ['no JSON', () => '{', 'BAD_FILE', /is not JSON/],
  ['another version', (run) => ({ ...run, version: 99 }), 'WRONG_RUN', /version 99.*version 1/],
  ['no version', () => null, 'WRONG_RUN', /version none/],
  ['a field that is missing', ({ text: _, ...run }) => run, 'BAD_FILE', /text/],
  [
    'a kernel that does not exist',
    (run) => ({ ...run, kernels: { matmul: '__proto__' } }),
    'BAD_FILE',
    /matmul/,
  ],
  [
    'a change of what no run has',
    (run) => ({ ...run, changes: [{ ...CHANGE, what: 'colour' }] }),
    'BAD_FILE',
    /changes\.0\.what/,
  ],
  [
    'a change before the first step',
    (run) => ({ ...run, changes: [{ ...CHANGE, step: 0 }] }),
    'BAD_FILE',
    /changes\.0\.step/,
  ],
  [
    'a change in endless words',
    (run) => ({ ...run, changes: [{ ...CHANGE, to: 'x'.repeat(3001) }] }),
    'BAD_FILE',
    /changes\.0\.to.*3000/,
  ],
  [
    'more changes than are kept',
    (run) => ({ ...run, changes: Array(1001).fill(CHANGE) }),
    'BAD_FILE',
    /changes.*1000/,
  ],
  [
    'a tokenizer whose pair is none',
    (run) => ({ ...run, tokenizer: { kind: 'bpe', pairs: [97, 256] } }),
    'BAD_FILE',
    /256 in pair 0/,
  ],
  [
    'a field of a newer version',
    (run) => ({ ...run, config: { ...CONFIG, stochasticDepth: 0.1 } }),
    'WRONG_RUN',
    /stochasticDepth/,
  ],
  [
    'text for a number',
    (run) => ({ ...run, config: { ...CONFIG, width: '64' } }),
    'BAD_FILE',
    /width is "64", which is not a number/,
  ],
  [
    'null for a number',
    (run) => ({ ...run, config: { ...CONFIG, width: null } }),
    'BAD_FILE',
    /width is "null", which is not a number/,
  ],
  ['a width that cannot be', (run) => ({ ...run, config: { ...CONFIG, width: 33 } }), 'BAD_SHAPE', /33/],
  [
    'a mode that does not exist',
    (run) => ({ ...run, config: { ...CONFIG, precision: 'fp17' } }),
    'UNKNOWN_MODE',
    /fp17/,
  ],
] as [string, (run: Record<string, unknown>) => unknown, string, RegExp][])(
  'refused by name: %s',
  async (_, change, code, message) => {
    const refused = { code, message: expect.stringMatching(message) };
    await expect(open(await withMetadata(change))).rejects.toMatchObject(refused);
  },
);

test('a field missing from an older file takes its default', async () => {
  const run = await open(
    await withMetadata(({ config, changes: __, ...run }) => {
      const { order: _, norm, mlp, ...older } = config as Record<string, unknown>;
      expect([norm, mlp]).toEqual(['layernorm', 'gelu']);
      return { ...run, config: older };
    }),
  );
  expect(run.description.config).toMatchObject({ order: 'random', norm: 'layernorm', mlp: 'gelu' });
  expect(run.description.changes).toEqual([]);
});

test('a run whose description lacks a parameter of its tensors is refused, naming the parameter', async () => {
  const run = await open(await savedRun());
  const entries = entriesOf(CONFIG);
  expect(() => checkStates(entries, run)).not.toThrow();
  const fewer = entries.filter(({ name }) => !name.endsWith('h.0.ln_1.bias'));
  expect(thrownBy(() => checkStates(fewer, run))).toMatchObject({
    code: 'WRONG_RUN',
    message: expect.stringContaining(
      'has the tensor adam.m.h.0.ln_1.bias, which the run that it describes does not have',
    ),
  });
});

test('a run resumes with the optimizer and the states that it began with, and no others', async () => {
  const run = await open(await savedRun());
  expect(() => checkOptimizer(CONFIG, run)).not.toThrow();
  expect(thrownBy(() => checkOptimizer({ ...CONFIG, optimizer: 'stable-adamw' }, run))).toMatchObject({
    code: 'WRONG_RUN',
    message: expect.stringMatching(/is a run of adamw with states in \w+; .* with stable-adamw/),
    hint: expect.stringContaining('A resumed run keeps its optimizer'),
  });
  expect(thrownBy(() => checkOptimizer({ ...CONFIG, optimState: 'fp8' }, run))).toMatchObject({
    code: 'WRONG_RUN',
    message: expect.stringContaining('states in fp8'),
  });
});

test('weights without a run are refused naming the option that reads them, tensors of another shape naming both shapes', async () => {
  const weights = await bytesOf(writeSafetensors([], { format: 'pt' }));
  await expect(open(weights)).rejects.toMatchObject({
    code: 'WRONG_RUN',
    hint: expect.stringContaining('--init'),
  });
  const run = await open(await savedRun());
  const [wider] = entriesOf({ ...CONFIG, width: 64 });
  await expect(readEntry(run, wider!)).rejects.toMatchObject({
    code: 'WRONG_RUN',
    message: expect.stringMatching(/BF16 \[128, 32\].*BF16 \[128, 64\]/),
  });
});

test('a run names the version that wrote it, which is that of the package', async () => {
  const { version } = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8'));
  expect(HALFSTEP_VERSION).toBe(version);
  const bytes = await savedRun();
  expect(await writerOf(bytesSource('run.safetensors', bytes))).toBe(version);
  // Another version knows neither its form nor its settings.
  for (const change of [{ version: 99 }, { config: { ...CONFIG, settingToCome: 1 } }]) {
    const later = await withMetadata((run) => ({ ...run, ...change, program: '9.1.0' }));
    const { code, hint } = await open(later).then(
      () => expect.unreachable('it was read'),
      (cause) => cause,
    );
    expect(code).toBe('WRONG_RUN');
    expect(hint).toBe(
      `It was written by Halfstep 9.1.0, and this is ${version}. Resume it with that version.`,
    );
    expect(await writerOf(bytesSource('run.safetensors', later))).toBe('9.1.0');
  }
});

test.each([
  ['no program', (run: object) => ({ ...run, program: undefined })],
  ['a program of another type', (run: object) => ({ ...run, program: { major: 1 } })],
  ['a name without end', (run: object) => ({ ...run, program: 'x'.repeat(1000) })],
  ['no JSON', () => '{'],
])('the writer of a run with %s is not known', async (_, change) => {
  expect(await writerOf(bytesSource('run.safetensors', await withMetadata(change)))).toBeNull();
});
