import { describe, expect, test } from 'vitest';
import { kernelSentence } from '../../../src/app/features/device/adapterMessages.ts';
import {
  formatRate,
  kernelWords,
  modeSupport,
  subgroupWords,
} from '../../../src/app/features/device/deviceMessages.ts';
import { batchOutcome } from '../../../src/app/features/memory/batchMessages.ts';
import { rangeWords } from '../../../src/app/features/settings/settingWords.ts';
import { PRECISION_MODES } from '../../../src/engine/precision/recipes.ts';
import type { BatchSearch, BatchStep } from '../../../src/store/measurementStore.ts';

const withF16 = { half: 'native', features: ['shader-f16'] } as const;
const software = { half: 'packed', features: ['shader-f16'] } as const;
const without = { half: 'packed', features: [] } as const;

describe('how an adapter stores a mode', () => {
  test('is native if WebGPU has the format, and otherwise packed or simulated with a reason', () => {
    expect(modeSupport('fp32', without)).toMatchObject({ kind: 'native' });
    expect(modeSupport('fp16', withF16)).toEqual({ kind: 'native', why: 'this adapter has shader-f16' });
    expect(modeSupport('fp16', software).why).toContain('software adapters');
    expect(modeSupport('fp16', without)).toMatchObject({
      kind: 'packed',
      why: expect.stringMatching(/lacks shader-f16/),
    });
    expect(modeSupport('tf32', withF16)).toMatchObject({
      kind: 'simulated',
      why: expect.stringMatching(/no tf32/),
    });
    expect(modeSupport('bf16', withF16)).toMatchObject({
      kind: 'packed',
      why: expect.stringMatching(/no bf16: values are stored 2 per word/),
    });
    expect(modeSupport('fp8', withF16).why).toMatch(/no e4m3fn: values are stored 4 per word/);
  });

  test.each(PRECISION_MODES)('%s is explained on every adapter', (mode) => {
    for (const adapter of [withF16, software, without]) {
      expect(modeSupport(mode, adapter).why).not.toBe('');
    }
  });
});

test('rates have three digits and a prefix', () => {
  expect(formatRate(1.234e12, 'FLOP/s')).toBe('1.23 TFLOP/s');
  expect(formatRate(850.4e6, 'FLOP/s')).toBe('850 MFLOP/s');
  expect(formatRate(23.1e9, 'B/s')).toBe('23.1 GB/s');
  expect(formatRate(5e17, 'FLOP/s')).toBe('500 PFLOP/s');
});

test('the kernels of a benchmark are named, with the reason if matrix units are not used', () => {
  expect(kernelWords({ matmul: 'register16' })).toBe('register16');
  const subgroupMatrix = 'not used: f16 16x16x16 is not faster than tiled';
  expect(kernelWords({ matmul: 'tiled', subgroupMatrix })).toBe(`tiled, subgroup matrix ${subgroupMatrix}`);
});

test('ranges are the engine’s', () => {
  expect(rangeWords('layers')).toBe('1 to 1,024');
  expect(rangeWords('beta2')).toBe('0 to 0.999999');
  expect(rangeWords('loss-scale')).toBe('1 to 2^126');
});

describe('the result of a batch search', () => {
  const search: BatchSearch = {
    id: 1,
    mode: 'fp32',
    found: { batch: 1200, bytes: 5, limitedBy: 'binding' },
    deeper: null,
    step: { state: 'waiting' },
  };
  const outcome = (step: BatchStep, change: Partial<BatchSearch> = {}) =>
    batchOutcome({ ...search, step, ...change });
  const confirmed = (batch: number, refusal: typeof refused | null): BatchStep => ({
    state: 'confirmed',
    result: { batch, bytes: 5, refused: refusal },
  });
  const refused = { message: 'The GPU refused 9 MiB.', hint: '' };

  test('is described at every stage', () => {
    expect(outcome({ state: 'waiting' })).toBe('Waiting for its step.');
    expect(outcome({ state: 'cancelled' })).toBe(
      "Planned but not confirmed, because it was cancelled before its step; this adapter's largest buffer allows no more.",
    );
    expect(outcome({ state: 'trying', batch: 600 })).toBe('Taking a step with batch 600…');
    expect(outcome(confirmed(1200, null))).toBe(
      "Confirmed by a step; this adapter's largest buffer allows no more.",
    );
  });

  test('includes the batch that a deeper recompute level would allow', () => {
    const deeper = { recompute: 'gelu-ln', batch: 1700, bytes: 5, limitedBy: 'budget' } as const;
    expect(outcome(confirmed(1200, null), { deeper })).toMatch(
      /^Confirmed by a step; .*\. Recompute \(GELU and layer norm\) would allow 1,700\.$/,
    );
  });

  test('includes the batch that was reached when memory ran out', () => {
    expect(outcome(confirmed(600, refused))).toBe(
      'The plan allows 1,200, but the GPU ran out of memory: reached 600. The GPU refused 9 MiB.',
    );
    expect(outcome(confirmed(0, refused))).toContain('even with one sequence');
    expect(outcome({ state: 'refused', error: { code: 'GPU_BUSY', message: 'Busy.', hint: 'Wait.' } })).toBe(
      'Busy. Wait.',
    );
    expect(outcome({ state: 'needless' }, { found: { batch: 0, bytes: 0, limitedBy: 'budget' } })).toMatch(
      /^Not even one sequence/,
    );
  });
});

test('which kernels compute a run, in words; names of other versions as they are', () => {
  expect(kernelSentence({ matmul: 'tiled', attention: 'uniform' })).toBe(
    'Matmuls use tiles in shared memory; attention takes several keys at a time.',
  );
  expect(kernelSentence({ matmul: 'subgroup', subgroupMatrix: 'not used: slower' })).toBe(
    'Matmuls use subgroup. Matrix units are not used: slower.',
  );
  expect(
    kernelSentence({
      matmul: 'register8',
      subgroupMatrix: 'f16 16x16x16',
      note: 'tiled is not used: differs',
    }),
  ).toBe(
    'Matmuls use register tiles of 8 rows. Matrix units multiply where they fit (f16 16x16x16). tiled is not used: differs.',
  );
});

test('the size of subgroups, or why none are used', () => {
  expect(subgroupWords({ size: 32, asked: true, note: null })).toBe('32 lanes, as kernels ask');
  expect(subgroupWords({ size: 8, asked: false, note: null })).toBe('8 lanes');
  expect(subgroupWords({ size: null, asked: false, note: 'sizes vary' })).toBe('not used: sizes vary');
  expect(subgroupWords(null)).toBe('');
});
