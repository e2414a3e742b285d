import { expect, test } from 'vitest';
import { loadDawn } from '../../src/cli/dawn.ts';

/** Turns of the event loop until `schedule` calls back. */
async function turnsUntil(schedule: (callback: () => void) => void): Promise<number> {
  let turns = 0;
  let called = false;
  schedule(() => {
    called = true;
  });
  while (!called) {
    turns += 1;
    await new Promise<void>((resolve) => setImmediate(() => resolve()));
  }
  return turns;
}

test('setImmediate stays immediate for JavaScript callbacks and can be cleared', async () => {
  await loadDawn([]);
  expect(await turnsUntil((callback) => setImmediate(callback))).toBe(1);
  let called = false;
  clearImmediate(
    setImmediate(() => {
      called = true;
    }),
  );
  await turnsUntil((callback) => setImmediate(callback));
  expect(called).toBe(false);
});

test('the native callbacks with which Dawn polls wait for a timer', async () => {
  await loadDawn([]);
  // A bound function is native code, as Dawn's are.
  await new Promise<void>((resolve) => {
    const handle: unknown = setImmediate((() => resolve()).bind(undefined));
    expect((handle as object).constructor.name).toBe('Timeout');
  });
});
