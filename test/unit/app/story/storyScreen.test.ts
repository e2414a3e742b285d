import { expect, test } from 'vitest';
import { lossPath, lossRange, plotScale, spread } from '../../../../src/app/story/lossPlot.ts';
import {
  chartSummary,
  formatLost,
  narration,
  nats,
  originLine,
  progressLine,
} from '../../../../src/app/story/messages.ts';
import { partName } from '../../../../src/app/story/partNames.ts';
import { MetricsLog } from '../../../../src/store/metricsLog.ts';
import type { StoryCard } from '../../../../src/store/story/figures.ts';

const CARD: StoryCard = {
  ...{ mode: 'fp32', step: 20, loss: 2.5, valLoss: null, tokensPerSec: 1000, batch: 8 },
  ...{ lossScale: null, skipped: 0, lostShare: 0, sentence: null, failed: null },
};
const CARDS: readonly StoryCard[] = [
  CARD,
  { ...CARD, mode: 'fp16', loss: 2.501, lossScale: 2 ** 16, lostShare: 0.00001 },
  { ...CARD, mode: 'fp16-noscale', loss: 3.25, lostShare: 0.978 },
];
const RECORDING = {
  date: '2026-11-30',
  adapter: 'mesa software llvmpipe: Mesa 25',
  preset: 'Smoke',
  steps: 300,
};

test('the sentence under the chart has the shares and losses of the cards', () => {
  expect(narration(CARDS)).toBe(
    'Without scaling, 97.8 % of the gradients become 0; with it, <0.01 %. Loss: 3.250 without, 2.501 with it, 2.500 in FP32.',
  );
  const [full, scaled, bare] = CARDS as [StoryCard, StoryCard, StoryCard];
  expect(narration([full, scaled, { ...bare, loss: null }])).toContain('Loss: not a number without');
  expect(narration([full, { ...scaled, lostShare: null }, bare])).toBeNull();
  expect(narration([])).toBeNull();
});

test('the chart says in words what it shows', () => {
  expect(chartSummary(CARDS, 8)).toBe(
    'Chart of three losses. FP32: 2.500 at step 20; f16, loss scaled: 2.501 at step 20; f16, not scaled: 3.250 at step 20. The runs part at step 8.',
  );
});

test.each([
  [{ source: 'recording', phase: 'ended' }, 'recorded on 30 November 2026 on mesa software llvmpipe'],
  [{ source: 'recording', phase: 'loading', recording: null }, 'loading the recording'],
  [{ source: 'recording', phase: 'failed', recording: null }, 'no recording'],
  [{ source: 'live', phase: 'training' }, 'live on a GPU'],
  [{ source: 'live', phase: 'ended' }, 'trained just now on a GPU'],
] as const)('%o comes from "%s"', (story, words) => {
  expect(originLine({ recording: RECORDING, ...story }, 'a GPU')).toBe(words);
});

test('the bar counts what is compiled, then steps', () => {
  const live = { source: 'live', phase: 'preparing' } as const;
  expect(progressLine(live, null, 0, 200)).toBe('preparing the GPU');
  expect(progressLine(live, { compiled: 3, total: 27 }, 0, 200)).toBe('compiling GPU programs: 3 of 27');
  expect(progressLine({ source: 'live', phase: 'training' }, null, 1200, 3000)).toBe('step 1,200 of 3,000');
});

test.each([
  [0, '0 %'],
  [0.00005, '<0.01 %'],
  [0.0001, '0.01 %'],
  [0.978, '97.8 %'],
])('a share of %d is %s', (share, text) => {
  expect(formatLost(share)).toBe(text);
});

test.each([
  ['h.1.attn.c_attn gradient', 'attention of block 2'],
  ['h.0.mlp.c_fc gradient', 'MLP of block 1'],
  ['residual gradient at h.1.ln_2', 'what block 2 passes back'],
  ['residual gradient at ln_f', 'what the head passes back'],
  ['logits gradient', 'the head'],
  ['of another model', 'of another model'],
])('%s is %s', (tensor, words) => {
  expect(partName(tensor)).toBe(words);
});

test('the axis of the losses ends at halves, holds its range while the loss falls, and follows a loss that leaves it', () => {
  expect(lossRange([])).toEqual([2, 4.5]);
  expect(lossRange([4.39, 3.1, Number.NaN])).toEqual([2, 4.5]);
  expect(lossRange([4.8, 1.7])).toEqual([1.5, 5]);
  expect(lossRange([4.4, 400])).toEqual([2, 10]); // one spike must not flatten the rest
});

const BOX = { width: 1100, height: 290, left: 34, right: 148, top: 26, bottom: 26 };

test('steps and losses have their places between the edges, and labels are round and far enough apart', () => {
  const { x, y, xTicks, yTicks } = plotScale(BOX, 300, [2, 4.5]);
  expect([x(0), x(300)]).toEqual([34, 1100 - 148]);
  expect([y(4.5), y(2), y(99)]).toEqual([26, 290 - 26, 26]);
  expect(xTicks).toEqual([0, 50, 100, 150, 200, 250, 300]);
  expect(yTicks).toEqual([2, 2.5, 3, 3.5, 4, 4.5]);
  expect(plotScale({ ...BOX, width: 320, right: 8 }, 300, [2, 4.5]).xTicks).toEqual([0, 100, 200, 300]);
});

test('a line ends at the newest step and has a gap where the loss is not finite', () => {
  const log = new MetricsLog(1000);
  for (let step = 1; step <= 900; step++) {
    log.push({
      ...{ step, loss: step === 451 ? null : 3, lossScale: 1, skipped: false, overflow: null, gradNorm: 1 },
      ...{ lr: 1e-3, appliedSteps: step, skippedSteps: 0, time: step, gpuMs: null },
    });
  }
  const scale = plotScale(BOX, 1000, [2, 4.5]);
  const path = lossPath(log, scale);
  expect(path.split(/[ML]/).length).toBeLessThanOrEqual(402);
  expect(path.endsWith(`L${scale.x(900).toFixed(1)} ${scale.y(3).toFixed(1)}`)).toBe(true);
  expect(path.match(/M/g)).toHaveLength(2);
});

test('labels of lines that meet are spread in the order of the runs, above the axis', () => {
  expect(spread([200, 200.4, 100], 18, 260)).toEqual([182.4, 200.4, 100]);
  expect(spread([200.4, 200, 100], 18, 260)).toEqual([182, 200, 100]);
  expect(spread([280, 281], 18, 260)).toEqual([242, 260]);
});

test('nats are explained by the losses that are compared', () => {
  expect(nats([Math.log(12), Math.log(25)])).toContain(
    "FP32's 2.485 nats a model seems to choose among 12 letters",
  );
  expect(nats([Math.log(12), Math.log(25)])).toContain('the 3.219 of f16 without scaling among 25');
  expect(nats([2.5, null])).not.toMatch(/\d/);
});
