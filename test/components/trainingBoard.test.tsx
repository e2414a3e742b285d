import { expect, test } from 'vitest';
import { page } from 'vitest/browser';
import { render } from 'vitest-browser-react';
import { TrainingBoard } from '../../src/app/myText/TrainingBoard.tsx';
import { useRun } from '../../src/store/runStore.ts';
import { addWarning, beginRuns, trainingFailed } from '../../src/store/runTransitions.ts';
import { useSettings } from '../../src/store/settingsStore.ts';
import { withRecording } from './recorded.ts';

withRecording();

/** A run on the visitor's text begins. */
function beginOwn(): void {
  const [config] = useRun.getState().configs;
  beginRuns({
    configs: [config!],
    schedule: 'sequential',
    startedWith: { ...useSettings.getState().settings, text: 'own' },
  });
}

test("a run on the visitor's text that lost its GPU can be started again", async () => {
  beginOwn();
  trainingFailed('lost', { code: 'DEVICE_LOST', message: 'The GPU was lost.', hint: '' });
  await render(<TrainingBoard />);
  await expect.element(page.getByTestId('my-text-error')).toHaveTextContent('The GPU was lost.');
  await expect.element(page.getByTestId('restart')).toBeVisible();
});

test('of a run whose weights went with the GPU nothing says that its best checkpoint is kept', async () => {
  beginOwn();
  await render(<TrainingBoard />);
  await expect.element(page.getByTestId('my-text-best')).toHaveTextContent('is kept');
  trainingFailed('lost', { code: 'DEVICE_LOST', message: 'The GPU was lost.', hint: '' });
  await expect.element(page.getByTestId('my-text-best')).not.toHaveTextContent('kept');
});

test('a warning that comes during the training is announced', async () => {
  beginOwn();
  await render(<TrainingBoard />);
  // A region that comes with its text is not announced.
  const region = page.getByRole('status').and(page.getByTestId('my-text-warnings'));
  await expect.element(region).toBeInTheDocument();
  await expect.element(region).toBeEmptyDOMElement();
  addWarning(0, { kind: 'overfitting', step: 40, message: 'It learns the text by heart.', hint: '' });
  await expect.element(region).toHaveTextContent('It learns the text by heart.');
});
