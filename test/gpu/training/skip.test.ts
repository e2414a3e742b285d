/** A step with a value that its format cannot represent changes only the loss scale and the counters. */
import { describe, expect, test } from 'vitest';
import type { TrainConfig } from '../../../src/engine/index.ts';
import type { FormatId } from '../../../src/engine/precision/formats.ts';
import { roundTo } from '../../../src/engine/reference/rounding.ts';
import {
  differences,
  numbersOf,
  randomBatch,
  type StepResult,
  setOne,
  snapshot,
  stateOf,
  TINY,
  takeSteps,
  withTrainer,
  writeScale,
} from './helper.ts';

const ROWS = TINY.batch * TINY.context;
const HUGE = 2 ** 30;

describe.each<Partial<TrainConfig>>([
  { optimizer: 'adamw', optimState: 'f32' },
  { optimizer: 'stable-adamw', optimState: 'fp8' },
  { optimizer: 'adamw', optimState: 'fp8-lm' },
  { optimizer: 'lion', optimState: 'bf16' },
  { optimizer: 'muon', optimState: 'bf16' },
])('fp16, one step with a loss scale that overflows, $optimizer, moments $optimState', (overrides) => {
  /** Five steps on batches 0 to 4; `skipped` is tried before its turn at a scale that overflows, and tried again. */
  const run = (skipped: number | null) => {
    const order = [0, 1, 2, 3, 4];
    if (skipped !== null) order.splice(skipped, 0, skipped);
    return withTrainer(
      { precision: 'fp16', lossScale: 2 ** 8, clip: 0.1, ...overrides },
      async (trainer) => {
        const metrics: StepResult[] = [];
        for (let step = 0; step < order.length; step++) {
          const overflows = step === skipped;
          const before = await snapshot(trainer);
          const { applied, growthTracker } = await stateOf(trainer);
          if (overflows) writeScale(trainer, HUGE);
          metrics.push(...(await takeSteps(trainer, 1)));
          const state = await stateOf(trainer);
          if (overflows) {
            expect(growthTracker).toBe(skipped); // so that its reset shows
            expect(differences(before, await snapshot(trainer), true)).toEqual([]);
            const moved = { skipped: 1, consecutiveSkips: 1, attempted: step + 1, scaleUsed: HUGE };
            expect(state).toMatchObject({ ...moved, applied, lossScale: HUGE / 2, growthTracker: 0 });
            writeScale(trainer, 2 ** 8);
          } else {
            expect(state).toMatchObject({ applied: applied + 1, consecutiveSkips: 0, lossScale: 2 ** 8 });
            const still = ['step state'].concat(
              trainer.plan.tensors.chunks.map((chunk) => chunk.master.name),
            );
            expect(differences(before, await snapshot(trainer))).toEqual(expect.arrayContaining(still));
          }
        }
        return { metrics, end: await snapshot(trainer), state: await stateOf(trainer) };
      },
      { batches: (index) => randomBatch(order[index]!, ROWS) },
    );
  };

  test('w, its copy, m, v, t and the schedule keep every bit, and later steps equal those of a run without the skip', async () => {
    const clean = await run(null);
    const withSkip = await run(2);
    expect(differences(clean.end, withSkip.end, true)).toEqual([]);
    expect(withSkip.state).toMatchObject({ applied: 5, skipped: 1, attempted: 6 });
    const skip = withSkip.metrics[2]!;
    expect(skip).toMatchObject({ step: 3, skipped: true, lossScale: HUGE, gradNorm: null, skippedSteps: 1 });
    expect(skip).toMatchObject({ overflow: 'logits gradient', appliedSteps: 2 });
    // The loss of the skipped step is the loss of that batch, whatever the scale.
    const numbers = ({ loss, lr }: StepResult) => ({ loss, lr });
    expect(numbers(skip)).toEqual(numbers(clean.metrics[2]!));
    const rest = withSkip.metrics.filter((metrics) => !metrics.skipped);
    const comparable = ({ loss, lr, gradNorm, appliedSteps }: StepResult) => ({
      loss,
      lr,
      gradNorm,
      appliedSteps,
    });
    expect(rest.map(comparable)).toEqual(clean.metrics.map(comparable));
  });
});

describe('the first tensor that overflowed is named', () => {
  test.each([
    ['fp16', 'h.1.mlp.c_fc.bias', 7e4, 'h.1.mlp.c_fc'],
    ['fp16', 'h.0.attn.c_attn.bias', 7e4, 'h.0.attn.c_attn'],
    ['fp16-pure', 'h.0.ln_2.weight', 6e4, 'h.0.ln_2'],
    ['bf16', 'h.0.mlp.c_fc.weight', 3.4e38, 'h.0.mlp.c_fc'],
    ['fp32', 'h.0.attn.c_proj.weight', Number.POSITIVE_INFINITY, 'h.0.attn.c_proj'],
    ['fp32', 'wpe.weight', Number.NaN, 'embedding'],
    ['fp8', 'h.1.attn.c_attn.bias', 3.4e38, 'h.1.attn.c_attn'],
    ['fp8-delayed', 'h.0.mlp.c_fc.weight', 3.4e38, 'h.0.mlp.c_fc'],
    ['bf16-sr', 'h.0.mlp.c_fc.bias', Number.NaN, 'h.0.mlp.c_fc'],
    ['bf16-split', 'h.1.ln_1.weight', Number.NaN, 'h.1.ln_1'],
    ['tf32', 'h.1.mlp.c_proj.bias', Number.NEGATIVE_INFINITY, 'h.1.mlp.c_proj'],
  ] as const)('%s with %s of %d: %s', (precision, name, value, overflow) =>
    withTrainer({ precision }, async (trainer) => {
      const first = await takeSteps(trainer, 2);
      expect(first.map(({ skipped }) => skipped)).toEqual([false, false]);
      await setOne(trainer, name, 3, value);
      const before = await snapshot(trainer);
      const metrics = await takeSteps(trainer, 3);
      expect(differences(before, await snapshot(trainer), true)).toEqual([]);
      for (const [i, step] of metrics.entries()) {
        expect(step).toMatchObject({ skipped: true, overflow, gradNorm: null });
        expect(step).toMatchObject({ appliedSteps: 2, skippedSteps: i + 1 });
      }
    }),
  );
});

test.each(['fp16', 'bf16', 'tf32'] as const)(
  '%s: matmuls read the master weights of this step, rounded',
  (precision) =>
    withTrainer({ precision }, async (trainer) => {
      for (const count of [0, 3]) {
        await takeSteps(trainer, count);
        for (const { master, compute } of trainer.plan.tensors.chunks) {
          const { type } = compute!;
          const rounded = (await numbersOf(trainer, master)).map((x) => roundTo(type as FormatId, x));
          expect(await numbersOf(trainer, compute!)).toEqual(rounded);
        }
      }
    }),
);
