import { describe, expect, test } from 'vitest';
import {
  changedSettings,
  leaveToPreset,
  numberProblem,
  pendingChanges,
  standardOf,
} from '../../../src/store/changes.ts';
import { DEFAULT_SETTINGS, PRESET_SETTINGS, type Settings } from '../../../src/store/settings.ts';

const smoke: Settings = { ...DEFAULT_SETTINGS, preset: 'smoke' };
const message = (settings: Settings, key: Parameters<typeof numberProblem>[1]) =>
  numberProblem(settings, key)?.message ?? null;

describe('changes from the preset', () => {
  test('are the values that differ from the preset', () => {
    expect(changedSettings(smoke)).toEqual([]);
    const settings: Settings = {
      ...smoke,
      layers: 3,
      batch: 8,
      lr: 2e-3,
      untied: '1',
      order: 'random',
      f16: 'packed',
    };
    expect(changedSettings(settings)).toEqual(['layers', 'untied', 'lr', 'f16']); // batch and order are Smoke's
  });

  test('are all undone by resetting to the preset', () => {
    const settings: Settings = { ...smoke, layers: 3, clip: 0, 'loss-scale': 1024, tokenizer: 'byte' };
    expect(leaveToPreset(settings, PRESET_SETTINGS)).toEqual(smoke);
    expect(leaveToPreset(settings, ['clip'])).toEqual({ ...settings, clip: null });
  });
});

test('an empty field shows the value that follows from the others', () => {
  expect(standardOf(smoke, 'warmup')).toBe(20);
  expect(standardOf({ ...smoke, steps: 50 }, 'warmup')).toBe(5);
  expect(standardOf({ ...smoke, lr: 0.01 }, 'min-lr')).toBe(0.001);
  expect(standardOf({ ...smoke, steps: -1 }, 'layers')).toBe(2);
});

describe('the invalid number', () => {
  test('is each that is out of its own range, and no other', () => {
    const settings = { ...smoke, steps: -1, lr: 20, batch: 4 };
    expect(message(settings, 'steps')).toBe('steps is -1.');
    expect(message(settings, 'lr')).toBe('lr is 20.');
    expect(message(settings, 'batch')).toBeNull();
    expect(message(settings, 'seed')).toBeNull();
  });

  test('is each of those that are invalid together', () => {
    expect(message({ ...smoke, heads: 3 }, 'heads')).toBe('Width 64 is not divisible by 3 heads.');
    const both = { ...smoke, heads: 3, width: 64, batch: 2 };
    expect(message(both, 'heads')).toMatch(/not divisible by 3 heads/);
    expect(message(both, 'batch')).toBeNull();
    expect(message({ ...smoke, heads: 3, width: 96 }, 'heads')).toBeNull();
    expect(message({ ...smoke, lr: 1e-4, 'min-lr': 1e-3 }, 'min-lr')).toMatch(/above lr/);
  });

  test('is a loss scale that no mode supports', () => {
    expect(message({ ...smoke, modes: ['fp32'], 'loss-scale': 64 }, 'loss-scale')).toMatch(/does not scale/);
    expect(message({ ...smoke, 'loss-scale': 60_000 }, 'loss-scale')).toMatch(/not a power of two/);
  });
});

describe('changes that wait for a restart', () => {
  const started: Settings = { ...smoke, modes: ['fp16', 'fp32'] };
  const pending = (change: Partial<Settings>) => pendingChanges(started, { ...started, ...change });

  test('are the choices that differ from those of the run', () => {
    expect(pending({})).toBe(0);
    expect(pending({ batch: 8 })).toBe(0); // equal to the preset's value
    expect(pending({ batch: 4, lr: 0.1, clip: 0 })).toBe(3); // the lowest rate only follows from it
    expect(pending({ steps: 3, text: 'copy' })).toBe(2);
  });

  test('count the modes as one change and the preset as one', () => {
    expect(pending({ modes: ['fp16'] })).toBe(1);
    expect(pending({ modes: ['bf16', 'fp16'] })).toBe(1);
    expect(pending({ preset: 'starter' })).toBe(1);
    expect(pending({ preset: 'starter', batch: 8 })).toBe(2);
  });
});
