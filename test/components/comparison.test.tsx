import { expect, test } from 'vitest';
import { page } from 'vitest/browser';
import { render } from 'vitest-browser-react';
import ComparePanel from '../../src/app/features/compare/ComparePanel.tsx';
import { formatLoss } from '../../src/engine/core/format.ts';
import { useRun } from '../../src/store/runStore.ts';
import { runCompiling, runEnded, runFailed, setRunsAside } from '../../src/store/runTransitions.ts';
import { withRecording } from './recorded.ts';

withRecording();

test('a column a mode, and a verdict', async () => {
  await render(<ComparePanel />);
  for (const { mode, summary } of useRun.getState().runs)
    await expect
      .element(page.getByTestId(`result-val-loss-${mode}`))
      .toHaveTextContent(formatLoss(summary!.valLoss!));
  await expect.element(page.getByTestId('verdict')).toHaveTextContent(/f16 without scaling is .* worse/);
});

test('the table waits for the first end, and the verdict names a run that failed', async () => {
  const { runs } = useRun.getState();
  const { summary } = runs[0]!;
  const showAgain = setRunsAside();
  for (const run of runs.keys()) runCompiling(run, { compiled: 0, total: 0 });
  const { rerender } = await render(<ComparePanel />);
  await expect.element(page.getByText('The table fills as each run ends.')).toBeVisible();
  runEnded(0, summary!);
  runFailed(2, { code: 'TOO_MANY_SKIPS', message: '10 steps in a row were skipped', hint: '' });
  await rerender(<ComparePanel />);
  await expect
    .element(page.getByTestId('result-val-loss-fp32'))
    .toHaveTextContent(formatLoss(summary!.valLoss!));
  await expect
    .element(page.getByTestId('verdict'))
    .toHaveTextContent(/f16 without scaling had failed by then/);
  showAgain();
});
