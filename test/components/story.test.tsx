import { expect, test, vi } from 'vitest';
import { page, userEvent } from 'vitest/browser';
import { render } from 'vitest-browser-react';
import { StoryBoard } from '../../src/app/story/StoryBoard.tsx';
import { StoryCards } from '../../src/app/story/StoryCards.tsx';
import { StoryEnd } from '../../src/app/story/StoryEnd.tsx';
import { StoryWords } from '../../src/app/story/StoryWords.tsx';
import { useArms } from '../../src/app/story/useArms.ts';
import { WORDS } from '../../src/app/story/words.ts';
import { formatLoss } from '../../src/engine/core/format.ts';
import { logOf, useRun } from '../../src/store/runStore.ts';
import { sampleWritten, setRunsAside } from '../../src/store/runTransitions.ts';
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
  const showAgain = setRunsAside();
  sampleWritten(2, { ...samples.at(-1)!, text: hostile });
  await render(<StoryEnd />);
  const texts = page.getByTestId('story-texts');
  await expect.element(texts).toHaveTextContent(hostile);
  expect(texts.element().querySelector('img')).toBeNull();
  showAgain();
});

test('the verdict names what was lost and by how much, and the image can be made', async () => {
  await render(<StoryEnd />);
  const verdict = page.getByTestId('story-verdict');
  await expect.element(verdict).toHaveAttribute('data-kind', 'saved');
  const [full, , bare] = useRun.getState().runs.map(({ summary }) => summary!.valLoss!);
  await expect.element(verdict).toHaveTextContent((bare! - full!).toFixed(3));
  await expect.element(page.getByTestId('story-image')).toBeEnabled();
});

test('the chart can be read as a table, which is not there before it is opened', async () => {
  await render(<StoryBoard />);
  const table = page.getByTestId('story-losses');
  await expect.element(table).not.toBeInTheDocument();
  await userEvent.click(page.getByTestId('story-table'));
  const rows = table.getByRole('row');
  await expect.poll(() => rows.elements().length).toBe(13);
  const { length, columns } = logOf(2)!;
  const last = [...rows.elements().at(-1)!.children].map(({ textContent }) => textContent);
  expect([last[0], last[3]]).toEqual([`${columns.step[length - 1]}`, formatLoss(columns.loss[length - 1]!)]);
});

test('where the browser shares images, one button sends image, sentence and address; a closed dialog is no problem', async () => {
  const share = vi.fn<(data: ShareData) => Promise<void>>();
  Object.assign(navigator, { canShare: () => true, share });
  await render(<StoryEnd />);
  await userEvent.click(page.getByTestId('story-share'));
  await expect.poll(() => share.mock.calls.length).toBe(1);
  const [{ files, text, url }] = share.mock.calls[0]!;
  expect(files!.map(({ name, type }) => [name, type])).toEqual([['halfstep-half-the-bits.png', 'image/png']]);
  expect(text).toContain('Half the bits.');
  expect(url).toMatch(/#story$/);
  const problem = page.getByTestId('story-image-problem');
  share.mockRejectedValueOnce(new DOMException('closed', 'AbortError'));
  await userEvent.click(page.getByTestId('story-share'));
  await expect.poll(() => share.mock.calls.length).toBe(2);
  share.mockRejectedValueOnce(new DOMException('not by a press', 'NotAllowedError'));
  await userEvent.click(page.getByTestId('story-share'));
  await expect.element(problem).toHaveTextContent('The image could not be shared: not by a press.');
});

test('every term of the list is explained where it stands', async () => {
  await render(<StoryWords />);
  for (const { term } of WORDS)
    await expect.element(page.getByText(term, { exact: true })).toBeInTheDocument();
});
