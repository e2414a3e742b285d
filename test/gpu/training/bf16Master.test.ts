/** bf16 weights without an f32 copy: they match mode `bf16` where they should, and are reproducible. */
import { expect, test } from 'vitest';
import type { Trainer } from '../../../src/engine/index.ts';
import { fromF32Bits, joinBits, roundTo } from '../../../src/engine/reference/rounding.ts';
import { differences, numbersOf, snapshot, takeSteps, withTrainer } from './helper.ts';

/** The f32 masters of all chunks, joined where they are split. */
async function mastersOf(trainer: Trainer): Promise<number[][]> {
  return Promise.all(
    trainer.plan.tensors.chunks.map(async ({ master, low }) => {
      if (!low) return [...(await numbersOf(trainer, master))];
      const highs = new Uint16Array(await trainer.read(master));
      const lows = new Uint16Array(await trainer.read(low));
      return Array.from(highs, (high, i) => fromF32Bits(joinBits({ high, low: lows[i]! })));
    }),
  );
}

/** Weights that bf16 holds exactly: where `bf16` reads its masters and where it reads their copy, it reads the same. */
async function roundParameters(trainer: Trainer): Promise<void> {
  const start = await numbersOf(trainer, trainer.plan.tensors.chunks[0]!.master);
  await trainer.setParameters((name) => {
    const { spec, parts } = trainer.plan.tensors.parameters.get(name)!;
    const { offset } = parts[0]!.master;
    const values = start.subarray(offset, offset + spec.rows * spec.columns);
    return Float32Array.from(values, (x) => roundTo('bf16', x));
  });
}

// Embeddings, biases and layer norms read the master: in f32 in `bf16`, its upper half in `bf16-split`. From weights that
// both hold exactly, the first step is therefore the same, and later ones differ by those roundings alone.
test('bf16-split: from the same bf16 weights the first step leaves the masters of bf16, bit by bit', async () => {
  const train = (precision: 'bf16' | 'bf16-split') =>
    withTrainer({ precision, warmup: 0 }, async (trainer) => {
      await roundParameters(trainer);
      const [first] = await takeSteps(trainer, 1);
      return { first, masters: await mastersOf(trainer), second: await takeSteps(trainer, 1) };
    });
  const [split, whole] = [await train('bf16-split'), await train('bf16')];
  expect(split.first).toEqual(whole.first);
  expect(split.masters).toEqual(whole.masters);
  const [a, b] = [split.second[0]!.loss!, whole.second[0]!.loss!];
  console.log(`second loss: bf16-split ${a}, bf16 ${b}`);
  expect(a).not.toBe(b);
});

test('bf16-split: the model is that of bf16 with the upper halves as its weights', () =>
  withTrainer({ precision: 'bf16-split' }, async (trainer) => {
    await takeSteps(trainer, 5);
    const loss = await trainer.evaluate();
    const [weights, exact] = [
      await numbersOf(trainer, trainer.plan.tensors.chunks[0]!.master),
      (await mastersOf(trainer))[0]!,
    ];
    // Nearest, where ties are as good either way.
    for (const [i, x] of exact.entries()) {
      expect(Math.abs(weights[i]! - x)).toBeLessThanOrEqual(Math.abs(roundTo('bf16', x) - x));
    }
    expect(exact).not.toEqual([...weights]);
    await withTrainer({ precision: 'bf16' }, async (other) => {
      await other.setParameters((name) => {
        const { parts } = trainer.plan.tensors.parameters.get(name)!;
        const { offset, elements } = parts[0]!.master;
        return Float32Array.from(weights.subarray(offset, offset + elements));
      });
      expect(await other.evaluate()).toBe(loss);
    });
  }));

test('bf16-sr: replays bit by bit, and small updates are not lost', async () => {
  // A tenth of bf16's half step at the size of most weights: to nearest, hardly any would move.
  const rate = 4e-6;
  const run = () =>
    withTrainer(
      { precision: 'bf16-sr', warmup: 0, weightDecay: 0, learningRate: rate, minLearningRate: rate },
      async (trainer) => {
        const [before] = await mastersOf(trainer);
        await takeSteps(trainer, 3);
        const [after] = await mastersOf(trainer);
        return {
          moved: after!.filter((x, i) => x !== before![i]).length / after!.length,
          end: await snapshot(trainer),
        };
      },
    );
  const first = await run();
  expect(differences((await run()).end, first.end)).toEqual([]);
  console.log(`${(100 * first.moved).toFixed(1)} % of weights moved in 3 steps of ${rate}`);
  expect(first.moved).toBeGreaterThan(0.02);
});
