import { expect, test } from 'vitest';
import { statusLine } from '../../../src/app/messages.ts';
import { PRESETS } from '../../../src/engine/config/presets.ts';
import type { RunSummary } from '../../../src/session/protocol.ts';
import { useRun } from '../../../src/store/runStore.ts';
import { beginRuns, runEnded, trainingCompleted } from '../../../src/store/runTransitions.ts';

test('ended runs are counted, even if none took a step', () => {
  const config = { ...PRESETS.smoke.config, steps: 0, warmup: 0 };
  const modes = ['fp32', 'fp16'] as const;
  beginRuns({ configs: modes.map((precision) => ({ ...config, precision })), schedule: 'sequential' });
  for (const run of modes.keys()) runEnded(run, {} as RunSummary);
  trainingCompleted();
  expect(statusLine(useRun.getState())).toBe('Done, 2 runs');
});
