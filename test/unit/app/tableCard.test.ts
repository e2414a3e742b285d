import fc from 'fast-check';
import { expect, test } from 'vitest';
import { tableCard } from '../../../src/app/features/table/card.ts';
import {
  budgetHelp,
  estimateSentences,
  speedUp,
  unscaledSentences,
} from '../../../src/app/features/table/messages.ts';
import { layOutTable } from '../../../src/app/features/table/tableImage.ts';
import { type Drawing, IMAGE } from '../../../src/app/picture/drawing.ts';
import { TABLE_MODES } from '../../../src/engine/experiments/articleTable.ts';
import type { TableRecord, TableRow } from '../../../src/store/table/record.ts';

const row = (mode: TableRow['mode'], change: Partial<TableRow> = {}): TableRow => ({
  ...{ mode, batch: 21, limitedBy: 'budget', tokensPerSec: 1000, bytes: 12 * 2 ** 20 },
  ...{ valLoss: 2.5, steps: 100, skippedSteps: 0, problem: null },
  ...change,
});
const TABLE: TableRecord = {
  ...{ time: Date.UTC(2026, 10, 30), adapter: 'a GPU', preset: 'smoke', steps: 100, budget: 16 * 2 ** 20 },
  estimate: {
    ...{ seconds: 42, measured: 'smoke', flopsPerSec: 2.5e10, flopsPerToken: 7.5e5 },
    larger: { preset: 'starter', seconds: 640 },
  },
  seconds: 40,
  rows: TABLE_MODES.map((mode) => row(mode, mode === 'fp32' ? {} : { tokensPerSec: 1500 })),
  unscaled: {
    lostShare: 0.979,
    withoutGradient: Array.from({ length: 8 }, (_, i) => `h.${i}.mlp.c_fc.weight`),
    parameters: 28,
    worst: [{ name: 'h.0.attn gradient', share: 1 }],
    nonFinite: [],
  },
};
const ADDRESS = 'https://example.test/page/?preset=smoke#train';
/** As wide as a font of the size can be. */
const measure = (text: string, font: string) => [...text].length * 0.6 * Number(/(\d+)px/.exec(font)![1]);
/** Narrower, as most fonts are. */
const usual = (text: string, font: string) => measure(text, font) * 0.85;
const textsOf = (drawings: readonly Drawing[]) =>
  drawings.flatMap((drawing) => (drawing.kind === 'text' ? [drawing.text] : []));

function isOutside(drawing: Drawing): boolean {
  if (drawing.kind === 'line') return true; // there is none
  const [right, bottom] =
    drawing.kind === 'box'
      ? [drawing.x + drawing.width, drawing.y + drawing.height]
      : [drawing.x + measure(drawing.text, drawing.font), drawing.y];
  return !(drawing.x >= 0 && drawing.y >= 0 && right <= IMAGE.width && bottom <= IMAGE.height);
}

test('the card has every row beside the article’s, what was lost, where it was made, and the link', () => {
  const card = tableCard(TABLE, ADDRESS);
  expect(card.title).toBe('Mixed f16 in a browser tab: 1.50 × FP32');
  expect(card.sentence).toContain('RTX 3090: 1.58 × FP32');
  expect(card.rows[0]).toEqual(['FP32', '1,000', '', '21', '12.0 MiB', '2.500', '12,599', '5']);
  expect(card.rows[1]![0]).toBe('TF32, simulated');
  expect(card.rows[3]!.slice(-2)).toEqual(['19,997', '6']);
  expect(card.origin).toBe('100 steps each, on 30 November 2026 on a GPU');
  expect(card.url).toBe('https://example.test/page/#table');
  const drawings = layOutTable(card, usual);
  const texts = textsOf(drawings);
  for (const text of [...card.rows.flat().filter(Boolean), card.title, card.origin, card.url])
    expect(texts).toContain(text);
  expect(texts.join(' ')).toContain('Without the loss scaler 97.9 % of the gradients became 0');
  expect(layOutTable(card, measure).filter(isOutside)).toEqual([]);
});

test('hostile names are drawn as text, in their place', () => {
  const hostile = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 200 }),
    fc.constantFrom('\u202egpj.exe', '<script>alert(1)</script>', 'a\u0000b\nc', ''),
  );
  fc.assert(
    fc.property(hostile, fc.double({ min: 0, max: 1e300, noNaN: true }), (adapter, speed) => {
      const rows = TABLE.rows.map((one) => ({ ...one, tokensPerSec: speed, bytes: speed }));
      const drawings = layOutTable(tableCard({ ...TABLE, adapter, rows }, ADDRESS), measure);
      expect(drawings.filter(isOutside)).toEqual([]);
      expect(textsOf(drawings).join('')).not.toMatch(/[\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]/u);
    }),
    { numRuns: 25, seed: 19 },
  );
});

test('a table that is not finished has dashes in its place', () => {
  const { rows, notes } = tableCard({ ...TABLE, rows: [row('fp32')], unscaled: null }, ADDRESS);
  expect(rows[2]!.slice(1, 6)).toEqual(['–', '', '–', '–', '–']);
  expect(notes[0]).toBe('');
});

test('the estimate says what it rests on, and why no larger model was taken', () => {
  const { time, basis } = estimateSentences(TABLE.estimate, 'smoke', 100);
  expect(time).toBe('Smoke, 100 steps in each format: about 40 s.');
  expect(basis).toContain('timed steps of Smoke (25 GFLOP/s in FP32');
  expect(basis).toContain('750,000 FLOPs that a token of Smoke takes');
  expect(basis).toContain(
    'Starter, the next larger model, would take about 11 min even with 20 steps; the limit is 5 min.',
  );
  const tooLarge = { ...TABLE.estimate, larger: { preset: 'gpt2', seconds: null } } as const;
  expect(estimateSentences(tooLarge, 'smoke', 100).basis).toContain('does not fit the budget');
  for (const isFallback of [true, false])
    expect(budgetHelp(isFallback)).toContain('WebGPU does not say how much memory a GPU has.');
});

test('what is lost without a scaler is named, and a long list is cut', () => {
  const without = row('fp16-noscale', { valLoss: 3.25 });
  const text = unscaledSentences(TABLE, TABLE.unscaled!, without).join(' ');
  expect(text).toContain('97.9 % of the gradients between layers vanished');
  expect(text).toContain('Most was lost in h.0.attn gradient (100.0 %).');
  expect(text).toContain('8 of 28 parameter tensors got none at all');
  expect(text).toContain('h.5.mlp.c_fc.weight and 2 more.');
  expect(text).toContain('Nothing became infinite or NaN.');
  expect(text).toContain('3.250 without the scaler, 2.500 with it');
  const broken = { ...TABLE.unscaled!, lostShare: null, withoutGradient: [], worst: [], nonFinite: ['wte'] };
  const failed = row('fp16-noscale', { problem: 'It stopped.', skippedSteps: 10, steps: 10 });
  expect(unscaledSentences(TABLE, broken, failed)).toEqual([
    'No gradient between layers is left to count: all are exactly 0.',
    'Every parameter tensor still got some gradient.',
    'Not finite: wte; 10 of 10 steps were skipped.',
    'It stopped.',
  ]);
});

test('a ratio needs two speeds', () => {
  expect(speedUp(19_921, 12_599)).toBe('1.58 × FP32');
  for (const [own, reference] of [
    [1, 1],
    [null, 1],
    [1, null],
    [1, 0],
  ])
    expect(speedUp(own, reference)).toBe('');
});
