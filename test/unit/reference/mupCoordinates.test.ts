/**
 * muP's coordinate check (Yang et al. 2022, figure 5, and the package `mup`): how far a few steps move the activations does not
 * depend on the width of the model. The learning rate is so low that the steps do not undo the random logits of the start, which
 * are smaller in wider models.
 */
import { describe, expect, test } from 'vitest';
import { type CoordinateRun, coordinateSlopes, inWords } from './coordinates.ts';

const HEAD_SIZE = 64;
const RUN: CoordinateRun = {
  mupBase: 64,
  tied: true,
  widths: [64, 128, 256, 512],
  heads: (width) => width / HEAD_SIZE,
  learningRate: 5e-4,
  steps: 4,
  seeds: 1,
};

describe.each<[string, Partial<CoordinateRun>]>([
  ['a tied head, more heads in wider models', {}],
  ['an untied head, larger attention heads in wider models', { tied: false, heads: () => 1 }],
])('with muP, %s', (_, change) => {
  const { sizes, changes } = coordinateSlopes({ ...RUN, ...change });

  test('slopes of what the steps change are within 0.1', () => {
    console.log(`changes: ${inWords(changes)}`);
    for (const [name, slopes] of changes) {
      for (const slope of slopes) expect(Math.abs(slope), name).toBeLessThan(0.1);
    }
  });

  test('so are those of the activations, but for the logits, which begin smaller in wider models and catch up', () => {
    console.log(`sizes: ${inWords(sizes)}`);
    for (const [name, slopes] of sizes) {
      if (name === 'logits') continue;
      for (const slope of slopes) expect(Math.abs(slope), name).toBeLessThan(0.1);
    }
    const logits = sizes.get('logits')!;
    expect(logits[0]).toBeLessThan(-0.15);
    expect(Math.abs(logits.at(-1)!)).toBeLessThan(Math.abs(logits[0]!) / 2);
  });
});

test('without muP attention, MLP, stream and logits change more in wider models', () => {
  const { changes } = coordinateSlopes({ ...RUN, mupBase: null });
  console.log(`changes: ${inWords(changes)}`);
  for (const name of ['attention', 'MLP', 'stream', 'logits']) {
    for (const slope of changes.get(name)!) expect(slope, name).toBeGreaterThan(0.3);
  }
});
