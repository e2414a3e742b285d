import { expect, test, vi } from 'vitest';
import { PRESETS } from '../../../src/engine/config/presets.ts';
import type { SavedRun } from '../../../src/session/protocol.ts';

// The stores use the document when they are created.
vi.stubGlobal('document', { addEventListener: () => {} });
const { continueObstacle } = await import('../../../src/store/fileActions.ts');

const SAVED = {
  step: 100,
  config: { ...PRESETS.starter.config, steps: 400, warmup: 200 },
  text: { builtin: 'moby-dick' },
} as unknown as SavedRun;

test('a run in a file continues to a number of steps that fits its settings', () => {
  expect(continueObstacle(SAVED, 100)).toMatch(/has taken 100 steps/);
  expect(continueObstacle(SAVED, 150)).toMatch(/warm-up of 200 steps/);
  expect(continueObstacle(SAVED, 200)).toBeNull();
  expect(continueObstacle(SAVED, 1_000_001)).toMatch(/1,000,000/);
});
