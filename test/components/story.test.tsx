import { expect, test } from 'vitest';
import { page } from 'vitest/browser';
import { render } from 'vitest-browser-react';
import { StoryCards } from '../../src/app/story/StoryCards.tsx';
import { StoryEnd } from '../../src/app/story/StoryEnd.tsx';
import { StoryWords } from '../../src/app/story/StoryWords.tsx';
import { useArms } from '../../src/app/story/useArms.ts';
import { WORDS } from '../../src/app/story/words.ts';
import { formatLoss } from '../../src/engine/core/format.ts';
import { updateRun, useRun } from '../../src/store/runStore.ts';
import { storyCards } from '../../src/store/story/figures.ts';
import { withRecording } from './recorded.ts';

withRecording();

const MODES = ['fp32', 'fp16', 'fp16-noscale'] as const;

function Cards() {
  return <StoryCards cards={storyCards(useArms())} />;
}

test('the cards have their places without runs, and the figures of the runs with them', async () => {
  const { rerender } = await render(<StoryCards cards={[]} />);
  for (const mode of MODES)
    await expect.element(page.getByTestId(`card-loss-${mode}`)).toHaveTextContent('–');
  await rerender(<Cards />);
  for (const [run, mode] of MODES.entries()) {
    const { latest } = useRun.getState().runs[run]!;
    await expect.element(page.getByTestId(`card-loss-${mode}`)).toHaveTextContent(formatLoss(latest!.loss));
    await expect
      .element(page.getByTestId(`card-skipped-${mode}`))
      .toHaveTextContent(`${latest!.skippedSteps}`);
  }
  await expect.element(page.getByTestId('card-scale-fp16-noscale')).toHaveTextContent('none');
});

test('what a model writes is shown as text, whatever it writes', async () => {
  const { samples } = useRun.getState().runs[2]!;
  const hostile = '<img src=x onerror="document.title = 1">';
  updateRun(2, { samples: [{ ...samples.at(-1)!, text: hostile }] });
  await render(<StoryEnd />);
  const texts = page.getByTestId('story-texts');
  await expect.element(texts).toHaveTextContent(hostile);
  expect(texts.element().querySelector('img')).toBeNull();
  updateRun(2, { samples });
});

test('the verdict names what was lost and by how much, and the image can be made', async () => {
  await render(<StoryEnd />);
  const verdict = page.getByTestId('story-verdict');
  await expect.element(verdict).toHaveAttribute('data-kind', 'saved');
  const [full, , bare] = useRun.getState().runs.map(({ summary }) => summary!.valLoss!);
  await expect.element(verdict).toHaveTextContent((bare! - full!).toFixed(3));
  await expect.element(page.getByTestId('story-image')).toBeEnabled();
});

test('every term of the list is explained where it stands', async () => {
  await render(<StoryWords />);
  for (const { term } of WORDS)
    await expect.element(page.getByText(term, { exact: true })).toBeInTheDocument();
});
