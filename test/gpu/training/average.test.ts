/** The averaged weights of a run: what they are, and that evaluating them leaves the run alone. */
import { describe, expect, test } from 'vitest';
import type { Trainer } from '../../../src/engine/index.ts';
import { readParameters } from '../../../src/engine/index.ts';
import { averaged } from '../../../src/engine/reference/average.ts';
import {
  differences,
  relativeError,
  setOne,
  snapshot,
  stateOf,
  takeSteps,
  withTrainer,
  writeScale,
} from './helper.ts';

const DECAY = 0.75;

/** f64, by name. */
async function valuesOf(trainer: Trainer, which: 'master' | 'average'): Promise<Map<string, Float64Array>> {
  return new Map(
    [...(await readParameters(trainer, which))].map(([name, values]) => [name, Float64Array.from(values)]),
  );
}

/** Eight greedy tokens and the probability of each. */
async function sampleOf(trainer: Trainer, which: 'master' | 'average') {
  const probabilities: number[] = [];
  const options = { prompt: '', length: 8, temperature: 0, topK: 0, seed: 1 };
  const onToken = ({ probability }: { readonly probability: number }) => probabilities.push(probability);
  const { ids } = await trainer.generate(options, { onToken }, which);
  return { ids, probabilities };
}

describe.each(['fp32', 'fp16', 'fp16-pure', 'bf16-split', 'fp8', 'fp8-row'] as const)('%s', (precision) => {
  test('the average follows the weights of applied steps alone, and its evaluation leaves every bit alone', () =>
    withTrainer({ precision, emaDecay: DECAY }, async (trainer) => {
      const expected = await valuesOf(trainer, 'master');
      const { lossScale } = await stateOf(trainer);
      const skips = precision.startsWith('fp16');
      for (let step = 0; step < 3; step++) {
        if (skips) writeScale(trainer, step === 1 ? 2 ** 30 : lossScale);
        const [metrics] = await takeSteps(trainer, 1);
        expect(metrics!.skipped).toBe(skips && step === 1);
        if (metrics!.skipped) continue;
        for (const [name, weights] of await valuesOf(trainer, 'master')) {
          expected.set(name, averaged(expected.get(name)!, weights, DECAY));
        }
      }
      const own = await valuesOf(trainer, 'average');
      const errors = [...expected].map(([name, values]) => relativeError(own.get(name)!, values));
      // A difference, a product and a sum of f32 a step, and initial weights that were rounded to f32 or to f16.
      const bound = 3 * 3 * 2 ** -24 + (precision === 'fp16-pure' ? 2 ** -11 : 2 ** -24);
      console.log(
        `${precision}: worst ${Math.max(...errors).toExponential(1)}, bound ${bound.toExponential(1)}`,
      );
      for (const error of errors) expect(error).toBeLessThan(bound);
      const moved = await valuesOf(trainer, 'master');
      expect(relativeError(own.get('wte.weight')!, moved.get('wte.weight')!)).toBeGreaterThan(100 * 2 ** -24);

      const before = await snapshot(trainer);
      const valLoss = await trainer.evaluate();
      const emaLoss = await trainer.evaluate('average');
      expect(differences(before, await snapshot(trainer))).toEqual([]);
      expect(await trainer.evaluate()).toBe(valLoss);
      expect(emaLoss).not.toBe(valLoss);
      // Sampling from the averages leaves the run alone, and what it would sample itself.
      const own8 = await sampleOf(trainer, 'master');
      const averaged8 = await sampleOf(trainer, 'average');
      expect(averaged8).not.toEqual(own8);
      expect(await sampleOf(trainer, 'master')).toEqual(own8);
      expect(differences(before, await snapshot(trainer))).toEqual([]);
      expect(await trainer.evaluate()).toBe(valLoss);
      // Masters of 16 bits would round the averages.
      if (precision === 'fp16-pure' || precision === 'bf16-split') return;
      const averages = await readParameters(trainer, 'average');
      await trainer.setParameters((name) => averages.get(name)!);
      expect(await trainer.evaluate()).toBe(emaLoss);
      expect(await sampleOf(trainer, 'master')).toEqual(averaged8);
    }));
});

test('parameters that are set begin a new average, and a run without one has none to evaluate', () =>
  withTrainer({ emaDecay: DECAY }, async (trainer) => {
    await setOne(trainer, 'h.0.mlp.c_fc.bias', 3, 0.5);
    expect((await readParameters(trainer, 'average')).get('h.0.mlp.c_fc.bias')![3]).toBe(0.5);
    await withTrainer({}, async (without) => {
      await expect(without.evaluate('average')).rejects.toThrow('emaDecay is 0');
      await expect(sampleOf(without, 'average')).rejects.toThrow('keeps no average');
      await expect(readParameters(without, 'average')).rejects.toThrow('keeps no average');
    });
  }));
