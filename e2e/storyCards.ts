/** What the cards of the story must show. */
import type { Page } from 'playwright/test';
import { formatLoss, formatPowerOfTwo } from '../src/engine/core/format.ts';
import { expect, snapshot } from './page.ts';

export const MODES = ['fp32', 'fp16', 'fp16-noscale'] as const;

/** Every figure on the cards that a run has, against the run's own. */
export async function expectCardsOfRuns(page: Page): Promise<void> {
  const { runs } = await snapshot(page);
  expect(runs.map(({ config }) => config.precision)).toEqual([...MODES]);
  for (const { config, steps } of runs) {
    const last = steps.at(-1)!;
    const card = (what: string) => page.getByTestId(`card-${what}-${config.precision}`);
    await expect(card('loss')).toHaveText(formatLoss(last.loss));
    await expect(card('batch')).toHaveText(String(config.batch));
    await expect(card('skipped')).toHaveText(String(last.skippedSteps));
    await expect(card('lost')).toHaveText(/^<?\d+(\.\d+)? %$/);
    await expect(card('scale')).toHaveText(
      config.precision === 'fp16' ? formatPowerOfTwo(Math.log2(last.lossScale)) : 'none',
    );
  }
}
