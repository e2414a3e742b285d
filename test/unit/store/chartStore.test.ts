import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { DEFAULT_CHARTS, storedCharts } from '../../../src/store/chartStore.ts';

beforeEach(() => {
  vi.resetModules();
});
afterEach(() => {
  vi.unstubAllGlobals();
});

test('stored settings are restored', () => {
  const kept = storedCharts(
    JSON.stringify({ loss: { x: 'time', logY: true, smoothing: 0.5, lockedY: [1, 4] } }),
  );
  expect(kept.loss).toEqual({
    ...DEFAULT_CHARTS.loss,
    x: 'time',
    logY: true,
    smoothing: 0.5,
    lockedY: [1, 4],
  });
  expect(kept.scale).toEqual(DEFAULT_CHARTS.scale);
});

test.each([
  null,
  '',
  '{"loss":',
  '"loss"',
  'null',
  '{"loss":{"x":"miles"}}',
  '{"loss":{"smoothing":1}}',
  '{"loss":{"lockedY":[1]}}',
  '{"loss":{"lockedY":[null,2]}}',
])('unreadable settings get their defaults: %s', (text) => {
  expect(storedCharts(text)).toEqual(DEFAULT_CHARTS);
});

test('with blocked storage, settings work but are not remembered', async () => {
  const blocked = () => {
    throw new Error('storage is blocked');
  };
  vi.stubGlobal('localStorage', { getItem: blocked, setItem: blocked });
  const { useCharts } = await import('../../../src/store/chartStore.ts');
  useCharts.getState().change('loss', { logX: true });
  expect(useCharts.getState().charts.loss.logX).toBe(true);
});

test('a choice is stored', async () => {
  const stored = new Map<string, string>();
  vi.stubGlobal('localStorage', {
    getItem: (key: string) => stored.get(key) ?? null,
    setItem: (key: string, value: string) => stored.set(key, value),
  });
  const { useCharts } = await import('../../../src/store/chartStore.ts');
  useCharts.getState().change('norm', { logY: true });
  vi.resetModules();
  const { useCharts: after } = await import('../../../src/store/chartStore.ts');
  expect(after.getState().charts.norm.logY).toBe(true);
});
