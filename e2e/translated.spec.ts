import { test as bare, type Page } from 'playwright/test';
import { expect, reach, reachStep, snapshot, test } from './page.ts';

/**
 * Imitates a browser's translation: each text node is replaced by a `font` element with its own text node, also those
 * added later. Elements marked `translate="no"` are left alone.
 */
async function translate(page: Page): Promise<void> {
  await page.addInitScript(() => {
    const replace = (text: Text) => {
      const parent = text.parentElement;
      if (text.data.trim() === '' || !parent) return;
      if (parent.closest('font, head, script, style, noscript, textarea, [translate="no"]')) return;
      const [outer, inner] = [document.createElement('font'), document.createElement('font')];
      inner.textContent = text.data;
      outer.append(inner);
      text.replaceWith(outer);
    };
    const replaceIn = (node: Node) => {
      const texts: Text[] = [];
      const walk = document.createTreeWalker(node, NodeFilter.SHOW_TEXT);
      if (node instanceof Text) texts.push(node);
      else while (walk.nextNode()) texts.push(walk.currentNode as Text);
      for (const text of texts) replace(text);
    };
    new MutationObserver((records) => {
      for (const { type, target, addedNodes } of records) {
        for (const node of type === 'childList' ? addedNodes : [target]) {
          if (node.isConnected) replaceIn(node);
        }
      }
    }).observe(document, { subtree: true, childList: true, characterData: true });
  });
}

/** Expects that the tiles agree with the stores once the page has been redrawn. */
async function expectTrueFigures(page: Page): Promise<void> {
  const wrong = () =>
    page.evaluate(() => {
      const { runs, active } = window.__trainer!.snapshot();
      const run = runs[active]!;
      const { step, loss, skippedSteps } = run.steps.at(-1)!;
      const { batch, context } = run.config;
      const count = (value: number) => value.toLocaleString('en-US');
      const text = (selector: string) =>
        document.querySelector<HTMLElement>(selector)?.innerText ?? 'nothing';
      const share = skippedSteps === 0 ? '0 %' : `${((100 * skippedSteps) / step).toFixed(1)} %`;
      const validation = run.evals.at(-1);
      const pairs: [string, string][] = [
        [text('[data-testid=value-loss]'), loss!.toFixed(3)],
        [text('[data-testid=value-skipped]'), count(skippedSteps)],
        [text('[data-testid=tile-skipped] dd:last-of-type'), `${share} of ${count(step)}`],
        [text('[data-testid=value-batch]'), count(batch)],
        [text('[data-testid=tile-batch] dd:last-of-type'), `sequences of ${context}:`],
        [
          text('[data-testid=tile-loss] dd:last-of-type'),
          validation
            ? `validation ${validation.valLoss!.toFixed(3)} at step ${count(validation.step)}`
            : 'training',
        ],
      ];
      return pairs.filter(([shown, held]) => !shown.includes(held));
    });
  await expect.poll(wrong, { message: 'tiles that differ from the stores' }).toEqual([]);
}

/** Visits every screen, and opens and points at its parts. */
async function lookAround(page: Page): Promise<void> {
  await page.getByTestId('plot-loss').hover({ position: { x: 200, y: 60 } });
  await page.getByTestId('plot-loss').hover({ position: { x: 260, y: 80 } });
  await page.getByTestId('tab-runs').click();
  await expect(page.getByTestId('runs-screen')).toBeVisible();
  await page.getByTestId('tab-sweep').click();
  await expect(page.getByTestId('sweep-start')).toBeVisible();
  await page.getByTestId('sweep-seeds').fill('1, 2, 3');
  await page.getByTestId('tab-train').click();
}

test('a translated page trains, compares and counts, and shows correct figures', async ({ page }) => {
  await translate(page);
  // Far more steps than are taken, because the run is stopped.
  await page.goto(
    '/?preset=smoke&steps=100000&eval-every=10&modes=fp32,fp16-noscale&schedule=lockstep&sample=20&autosave=0',
  );
  await expect(page.getByTestId('train').locator('font').first()).toBeVisible();
  // The charts' menus come with them, and each lies over the next chart until it is closed.
  await expect(page.getByTestId('chart-norm')).toBeVisible();
  for (const summary of await page.locator('summary:visible').all()) {
    await summary.click();
    await page.keyboard.press('Escape');
  }
  await page.getByTestId('numerics-on').check();
  await page.getByTestId('numerics-interval').fill('5');
  await page.getByTestId('train').click();
  await reachStep(page, 3);
  await lookAround(page);
  await page.getByTestId('pause').click();
  await reach(page, 'paused');
  await expectTrueFigures(page);
  await page.getByTestId('sample').click();
  await expect(page.getByTestId('sample-fp16-noscale')).not.toBeEmpty();
  await expect(page.getByTestId('sample')).toBeEnabled();
  await page.getByTestId('resume').click();
  await reach(page, 'training');
  await page.getByTestId('stop').click();
  await reach(page, 'done');
  await expectTrueFigures(page);
  await lookAround(page);

  // The table, the histograms and the export of the trained runs.
  const { runs } = await snapshot(page);
  for (const { config, summary } of runs) {
    await expect(page.getByTestId(`result-val-loss-${config.precision}`)).toHaveText(
      summary!.valLoss!.toFixed(3),
    );
  }
  await expect(page.getByTestId('verdict')).toContainText(`After ${runs[0]!.summary!.steps} steps`);
  await page.getByTestId('numerics-order').selectOption('zeros');
  await page.getByTestId('numerics-heatmap').hover({ position: { x: 20, y: 60 } });
  await expect(page.getByTestId('numerics-hover')).toContainText('values');
  await page.getByTestId('numerics-best').click();
  for (const view of ['weights', 'activations', 'gradients']) {
    await page.getByTestId(`numerics-${view}`).click();
    await expect(page.getByTestId('numerics-title')).toContainText(new RegExp(`^${view}`, 'i'));
  }

  // A sequential comparison up to its end, after the first one.
  await page.getByTestId('schedule').selectOption('sequential');
  await page.getByTestId('steps').fill('6');
  await page.getByTestId('train').click();
  await reach(page, 'done');
  await expectTrueFigures(page);
  await expect(page.getByTestId('verdict')).toContainText('After 6 steps');

  // A single mode.
  await page.getByTestId('compare').selectOption('');
  await page.getByTestId('precision').selectOption('fp16');
  await page.getByTestId('steps').fill('100000');
  await page.getByTestId('train').click();
  await reachStep(page, 4);
  await page.getByTestId('pause').click();
  await reach(page, 'paused');
  await expectTrueFigures(page);
  await page.getByTestId('stop').click();
  await reach(page, 'done');
  await expectTrueFigures(page);

  // Several runs on the Runs screen, one of them open.
  await page.getByTestId('tab-runs').click();
  const rows = page.getByTestId('run');
  await expect(rows).toHaveCount(5);
  await rows.nth(0).getByTestId('open-run').click();
  for (const index of [0, 1]) await rows.nth(index).getByTestId('choose-run').check();
  await page.getByTestId('draw-norm').check();
  await page.getByTestId('sort-skipped').click();
  await page.getByTestId('delete-run').first().click();
  await page.getByTestId('undo-delete').click();
  await expect(rows).toHaveCount(5);
});

test('a sweep runs to its end in a translated page', async ({ page }) => {
  await translate(page);
  await page.goto('/?preset=smoke#sweep');
  await page.getByTestId('sweep-rates').fill('1e-3, 2e-3');
  await page.getByTestId('sweep-seeds').fill('1');
  await page.getByTestId('sweep-steps').fill('6');
  await expect(page.getByTestId('sweep-start')).toHaveText('Train 4 cells');
  await page.getByTestId('sweep-start').click();
  await expect(page.getByTestId('sweep-progress')).toContainText('4 of 4 cells are finished.');
  await page.getByTestId('sweep-cells').locator('summary').click();
  await expect(page.getByTestId('sweep-cell')).toHaveCount(4);
  await page.getByTestId('tab-train').click();
  await page.getByTestId('sweep-start').waitFor({ state: 'detached' });
});

bare('a view that failed can be shown again while training continues', async ({ page }) => {
  await page.goto('/?preset=smoke&steps=100000&eval-every=0&sample=0&autosave=0#runs');
  await expect(page.getByTestId('runs-screen')).toBeVisible();
  await page.evaluate(() => location.replace('#train'));
  await page.getByTestId('train').click();
  await reachStep(page, 2);
  await page.getByTestId('tab-runs').click();
  await expect(page.getByTestId('runs-screen')).toBeVisible();
  // As an extension would that removes elements which React is about to unmount.
  await page.evaluate(() => document.querySelector('[data-testid=runs-screen]')!.remove());
  await page.getByTestId('tab-train').click();
  await expect(page.getByTestId('view-failed')).toContainText('Training continues');
  const before = (await snapshot(page)).runs[0]!.steps.at(-1)!.step;
  await reachStep(page, before + 2);
  await page.getByTestId('show-again').click();
  await expect(page.getByTestId('view-failed')).toHaveCount(0);
  await page.getByTestId('stop').click();
  await reach(page, 'done');
  await expectTrueFigures(page);
});
