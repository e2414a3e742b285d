import { beforeEach, describe, expect, test } from 'vitest';
import {
  adaptToAdapter,
  adaptToSpeed,
  smallerPreset,
  undoAdaptation,
  warmStepMs,
} from '../../../src/store/adapt.ts';
import { DEFAULT_SETTINGS } from '../../../src/store/settings.ts';
import { useSettings } from '../../../src/store/settingsStore.ts';
import { useUi } from '../../../src/store/uiStore.ts';

/** A log whose steps arrived at these milliseconds. */
const arrivals = (...time: number[]) =>
  ({ length: time.length, columns: { time: Float64Array.from(time) } }) as unknown as Parameters<
    typeof warmStepMs
  >[0];
const preset = () => useSettings.getState().settings.preset;

beforeEach(() => {
  useSettings.setState({ settings: DEFAULT_SETTINGS, presetChosen: false, typed: {}, unread: {} });
  useUi.setState({ presetAdapted: null });
});

test('a step is timed after warm-up: the first, and a delayed one, do not count', () => {
  expect(warmStepMs(arrivals(9000, 9500))).toBeNull();
  expect(warmStepMs(arrivals(9000, 9500, 9950, 20_000))).toBe(450);
  expect(warmStepMs(arrivals(100, 2000, 2030))).toBe(30);
});

test('there is no preset below the smallest', () => {
  expect(smallerPreset('starter')).toBe('smoke');
  expect(smallerPreset('smoke')).toBeNull();
});

describe('a slow step', () => {
  const slow = arrivals(900, 2100, 3300);

  test('lowers the preset once, reports from which, and can be undone permanently', () => {
    expect(adaptToSpeed(slow)).toBe(true);
    expect(preset()).toBe('smoke');
    expect(useUi.getState().presetAdapted).toEqual({ why: 'slow', from: 'starter', stepMs: 1200 });
    expect(adaptToSpeed(slow)).toBe(false);
    undoAdaptation();
    expect(preset()).toBe('starter');
    expect(useUi.getState().presetAdapted).toBeNull();
    expect(adaptToSpeed(slow)).toBe(false);
  });

  test('changes no choice of the visitor', () => {
    useSettings.getState().choose({ batch: 32 });
    expect(adaptToSpeed(slow)).toBe(false);
    adaptToAdapter(true);
    expect(preset()).toBe('starter');
    useSettings.getState().choose({ batch: null, preset: 'small' });
    expect(adaptToSpeed(slow)).toBe(false);
    expect(preset()).toBe('small');
  });

  test('is above 400 ms', () => {
    expect(adaptToSpeed(arrivals(0, 400, 800))).toBe(false);
    expect(adaptToSpeed(arrivals(0, 401, 802))).toBe(true);
  });
});

test('a preset that conflicts with the chosen settings is not used', () => {
  useSettings.getState().choose({ warmup: 1000 });
  adaptToAdapter(true);
  expect(adaptToSpeed(arrivals(0, 900, 1800))).toBe(false);
  expect(preset()).toBe('starter'); // fits the 2,000 steps of starter; smoke has 300
  useSettings.getState().choose({ warmup: 200 });
  adaptToAdapter(true);
  expect(preset()).toBe('smoke');
});

test('settings that are invalid with every preset do not prevent a smaller one', () => {
  useSettings.getState().choose({ lr: 50 });
  adaptToAdapter(true);
  expect(preset()).toBe('smoke');
});

test('a software adapter starts with the smallest preset, unless the visitor chose the size of a step', () => {
  adaptToAdapter(false);
  expect(preset()).toBe('starter');
  useSettings.getState().choose({ steps: 60 });
  adaptToAdapter(true);
  expect(preset()).toBe('smoke');
  expect(useSettings.getState().settings.steps).toBe(60);
});
