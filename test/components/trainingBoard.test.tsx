import { expect, test } from 'vitest';
import { page } from 'vitest/browser';
import { render } from 'vitest-browser-react';
import { TrainingBoard } from '../../src/app/myText/TrainingBoard.tsx';
import { useRun } from '../../src/store/runStore.ts';
import { beginRuns, trainingFailed } from '../../src/store/runTransitions.ts';
import { useSettings } from '../../src/store/settingsStore.ts';
import { withRecording } from './recorded.ts';

withRecording();

test("a run on the visitor's text that lost its GPU can be started again", async () => {
  const [config] = useRun.getState().configs;
  beginRuns({
    configs: [config!],
    schedule: 'sequential',
    startedWith: { ...useSettings.getState().settings, text: 'own' },
  });
  trainingFailed('lost', { code: 'DEVICE_LOST', message: 'The GPU was lost.', hint: '' });
  await render(<TrainingBoard />);
  await expect.element(page.getByTestId('my-text-error')).toHaveTextContent('The GPU was lost.');
  await expect.element(page.getByTestId('restart')).toBeVisible();
});
