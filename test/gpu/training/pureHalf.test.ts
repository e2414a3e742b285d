/** Weights, gradients and moments in f16 with what makes them work: compound loss scaling, hAdam, Kahan compensation. */
import { describe, expect, test } from 'vitest';
import { gptConfig, type TrainConfig } from '../../../src/engine/config/trainConfig.ts';
import { byteLength } from '../../../src/engine/gpu/tensor.ts';
import { describeRecipe } from '../../../src/engine/precision/description.ts';
import { recipeFor } from '../../../src/engine/precision/recipes.ts';
import { storageOf, trainState, trainStep } from '../../../src/engine/reference/trainStep.ts';
import {
  differences,
  numbersOf,
  parametersOf,
  randomBatch,
  referenceBatch,
  snapshot,
  stateOf,
  TINY,
  TINY_VOCABULARY,
  takeSteps,
  withTrainer,
  writeScale,
} from './helper.ts';

const ROWS = TINY.batch * TINY.context;
const batches = (index: number) => randomBatch(index, ROWS);
const ALL = {
  ...{ precision: 'fp16-pure', optimState: 'f16-h', lossScaling: 'compound', master: 'kahan' },
} as const satisfies Partial<TrainConfig>;

describe('compound loss scaling', () => {
  test('skips, backs off and grows as the f64 oracle does, and moments follow', () =>
    withTrainer(
      { ...ALL, lossScale: 2 ** 20, growthInterval: 2, warmup: 0, steps: 20 },
      async (trainer) => {
        const { config, plan, arena } = trainer;
        expect(arena.liveBytes).toBe(
          plan.tensors.planned.reduce((sum, { tensor }) => sum + byteLength(tensor), 0),
        );
        const recipe = recipeFor(config);
        const model = { config: gptConfig(config, TINY_VOCABULARY), recipe: describeRecipe(recipe) };
        const state = trainState(model, await parametersOf(trainer, 'master'), 2 ** 20);
        const storage = storageOf(model.config, recipe, config);
        const trace: string[] = [];
        let skips = 0;
        for (let step = 0; step < 8; step++) {
          const [metrics] = await takeSteps(trainer, 1);
          const oracle = trainStep(model, state, [referenceBatch(batches(step), config)], {
            ...{ ...config, learningRate: metrics!.lr, storage, compound: true },
            scaler: { interval: 2 },
          });
          const { lossScale } = await stateOf(trainer);
          trace.push(`${Math.log2(metrics!.lossScale)}${metrics!.skipped ? '!' : ''}`);
          expect([metrics!.skipped, lossScale]).toEqual([oracle.skipped, state.scaler.scale]);
          skips += metrics!.skipped ? 1 : 0;
          expect(Math.abs(metrics!.loss! / oracle.loss - 1)).toBeLessThan(2e-3);
        }
        console.log(trace.join(' '));
        expect(skips).toBeGreaterThan(0);
        expect(skips).toBeLessThan(8);
        // Units of moments and roots: their norms, which a wrong factor of two would double or halve.
        const norm = (values: Iterable<Float64Array>) =>
          Math.sqrt([...values].reduce((sum, one) => sum + one.reduce((all, x) => all + x * x, 0), 0));
        for (const [name, wanted] of [
          ['m', state.firstMoment],
          ['v', state.secondMoment],
        ] as const) {
          const found = norm((await parametersOf(trainer, { state: name })).values());
          expect(Math.abs(found / norm(wanted.values()) - 1), name).toBeLessThan(0.02);
        }
      },
      { batches },
    ));

  test('a skipped step halves m and h, to the bit, and keeps weights and their compensation', () =>
    withTrainer({ ...ALL, lossScale: 2 ** 10 }, async (trainer) => {
      await takeSteps(trainer, 2);
      const before = await snapshot(trainer);
      const halves = async () => {
        const all = await Promise.all(
          trainer.plan.tensors.chunks.flatMap(({ states }) =>
            Object.values(states).map((state) => numbersOf(trainer, state)),
          ),
        );
        return all.flatMap((values) => [...values]);
      };
      const moments = await halves();
      writeScale(trainer, 2 ** 30);
      const [metrics] = await takeSteps(trainer, 1);
      expect(metrics).toMatchObject({ skipped: true, lossScale: 2 ** 30 });
      // Subnormals round to even when they are halved.
      const half = (x: number) => {
        const step = 2 ** -24;
        const q = x / 2 / step;
        return Math.abs(x) >= 2 ** -13 || Number.isInteger(q) ? x / 2 : 2 * Math.round(q / 2) * step;
      };
      expect(await halves()).toEqual(moments.map(half));
      const changed = differences(before, await snapshot(trainer), true);
      expect(changed.filter((name) => !/#(m|v)\b/.test(name))).toEqual([]);
      expect(changed.length).toBeGreaterThan(0);
    }));
});

test.each([
  ['all three', ALL],
  ['StableAdamW', { ...ALL, optimizer: 'stable-adamw' }],
  ['bf16 with Kahan', { precision: 'bf16-pure', master: 'kahan' }],
  ['bf16 with Kahan and Muon', { precision: 'bf16-pure', master: 'kahan', optimizer: 'muon' }],
  ['hAdam alone, in mixed f16', { precision: 'fp16', optimState: 'f16-h' }],
  ['moments in E4M3 and E5M2', { precision: 'fp8', optimState: 'fp8-e4m3-e5m2' }],
] satisfies readonly (readonly [string, Partial<TrainConfig>])[])('%s: learns', (what, overrides) =>
  withTrainer({ ...overrides, learningRate: 3e-3, warmup: 0, steps: 40 }, async (trainer) => {
    const metrics = await takeSteps(trainer, 30);
    const [first, last] = [metrics[0]!.loss!, metrics.at(-1)!.loss!];
    console.log(`${what}: loss ${first.toFixed(3)} to ${last.toFixed(3)} in 30 steps`);
    expect(last).toBeLessThan(first - 0.3);
  }),
);
