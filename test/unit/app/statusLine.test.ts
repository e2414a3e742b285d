import { expect, test } from 'vitest';
import { statusLine } from '../../../src/app/messages.ts';
import { PRESETS } from '../../../src/engine/config/presets.ts';
import { beginRuns, useRun } from '../../../src/store/runStore.ts';

test('ended runs are counted, even if none took a step', () => {
  const config = { ...PRESETS.smoke.config, steps: 0, warmup: 0 };
  const modes = ['fp32', 'fp16'] as const;
  beginRuns(
    modes.map((precision) => ({ ...config, precision })),
    'sequential',
  );
  useRun.setState(({ runs }) => ({ status: 'done', active: runs.length - 1 }));
  expect(statusLine(useRun.getState())).toBe('Done, 2 runs');
});
