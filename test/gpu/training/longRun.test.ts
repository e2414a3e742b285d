/** What is measured for long FP8 runs: alignment of a gated MLP's branches, and second moments at their floor. */
import { expect, test } from 'vitest';
import { gateAlignment } from '../../../src/engine/reference/alignment.ts';
import { parametersOf, TINY, takeSteps, withTrainer } from './helper.ts';

const HIDDEN = 80;
const GATED = {
  precision: 'fp32',
  mlp: 'swiglu',
  intermediate: HIDDEN,
  optimState: 'fp8-e4m3-e5m2',
} as const;
const MATRIX = 'h.1.mlp.c_fc.weight';
/** Of a sum of 32 products in f32, relative to the product of both lengths; and the rounding of each cosine before it is added. */
const SUM_BOUND = 40 * 2 ** -23;
const MEAN_BOUND = SUM_BOUND + 2 ** -15;

test('alignment agrees with f64 and finds a planted channel; moments at the floor are counted exactly', () =>
  withTrainer(GATED, async (trainer) => {
    await takeSteps(trainer, 3);
    const weights = await parametersOf(trainer, 'master');
    const before = (await trainer.countGradients()).longRun!;
    const codes = await Promise.all(
      trainer.plan.tensors.chunks.map(async ({ states }) => new Uint8Array(await trainer.read(states.v!))),
    );
    const all = codes.flatMap((bytes) => [...bytes]);
    const stored = all.filter((code) => code !== 0).length;
    expect(before.atFloor).toBe(all.filter((code) => code === 1).length / stored);
    console.log(`${(100 * before.atFloor!).toFixed(1)} % of ${stored} second moments at the floor`);
    expect(before.alignment.map(({ name }) => name)).toEqual(['h.0.mlp.c_fc.weight', MATRIX]);
    for (const { name, largest, mean, aligned } of before.alignment) {
      const cosines = gateAlignment(weights.get(name)!, TINY.width);
      expect(cosines).toHaveLength(HIDDEN);
      expect(Math.abs(largest - Math.max(...cosines)), name).toBeLessThanOrEqual(SUM_BOUND);
      expect(Math.abs(mean - cosines.reduce((a, b) => a + b) / HIDDEN), name).toBeLessThanOrEqual(MEAN_BOUND);
      expect(aligned).toBe(0);
    }
    // The columns of channel 5 point opposite ways, and those of channel 6 are zero.
    const planted = weights.get(MATRIX)!;
    for (let row = 0; row < TINY.width; row++) {
      const at = row * 2 * HIDDEN;
      planted[at + HIDDEN + 5] = -2 * planted[at + 5]!;
      planted[at + 6] = 0;
      planted[at + HIDDEN + 6] = 0;
    }
    await trainer.setParameters((name) => Float32Array.from(weights.get(name)!));
    const [first, second] = (await trainer.countGradients()).longRun!.alignment;
    expect(first!.aligned).toBe(0);
    expect(second!.aligned).toBe(1 / HIDDEN);
    expect(second!.largest).toBeGreaterThan(1 - SUM_BOUND);
  }));

test('a run with neither has neither', () =>
  withTrainer({ precision: 'fp32' }, async (trainer) => {
    expect((await trainer.countGradients()).longRun).toBeUndefined();
  }));
