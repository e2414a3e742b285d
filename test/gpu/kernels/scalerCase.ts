/** step_decide driven through long random sequences of overflows, against the reference scaler. */

import { uniformAt } from '../../../src/engine/core/rng.ts';
import type { Operation } from '../../../src/engine/gpu/operation.ts';
import { slice } from '../../../src/engine/gpu/tensor.ts';
import { stepDecide } from '../../../src/engine/kernels/optimizer.ts';
import { initialStepState, NO_SITE, STEP_STATE_WORDS } from '../../../src/engine/kernels/stepState.ts';
import { updateScaler } from '../../../src/engine/reference/scaler.ts';
import { type KernelFixture, KernelRun } from './runKernel.ts';

export interface ScalerCase {
  readonly initialScale: number;
  readonly interval: number;
  readonly floor: number;
  readonly ceiling: number;
  /** How often a step overflows. */
  readonly overflowRate: number;
  readonly dynamic?: boolean;
}

export const SCALER_CASES: readonly ScalerCase[] = [
  { initialScale: 2 ** 16, interval: 1, floor: 1, ceiling: 2 ** 24, overflowRate: 0.3 },
  { initialScale: 2 ** 16, interval: 3, floor: 1, ceiling: 2 ** 24, overflowRate: 0.2 },
  { initialScale: 2 ** 4, interval: 20, floor: 1, ceiling: 2 ** 24, overflowRate: 0.1 }, // lives at the floor
  { initialScale: 2 ** 22, interval: 2, floor: 1, ceiling: 2 ** 24, overflowRate: 0.02 }, // lives at the ceiling
  { initialScale: 2 ** 30, interval: 5, floor: 2 ** 10, ceiling: 2 ** 20, overflowRate: 0.2 }, // starts above it
  { initialScale: 2 ** 16, interval: 200, floor: 1, ceiling: 2 ** 24, overflowRate: 0.004 },
  { initialScale: 2 ** 12, interval: 1, floor: 1, ceiling: 2 ** 24, overflowRate: 0.3, dynamic: false },
];

/** A found flag every 256 bytes, as bindings are aligned. */
const FLAG_STRIDE = 64;
const SCHEDULE_LENGTH = 50;

/** Runs `steps` steps in one submission; descriptions of the first differences from the reference, and what happened. */
export async function checkScaler(fixture: KernelFixture, options: ScalerCase, steps: number, seed: number) {
  const { initialScale, interval, floor, ceiling, overflowRate, dynamic = true } = options;
  const run = new KernelRun(fixture);
  const flags = new Uint32Array(steps * FLAG_STRIDE).fill(NO_SITE);
  for (let step = 0; step < steps; step++) {
    if (uniformAt(step, seed) < overflowRate) flags[step * FLAG_STRIDE] = 1 + (step % 97);
  }
  const found = run.codes('found', 'u32', flags);
  const state = run.bytes('state', initialStepState(initialScale));
  const trace = run.output('trace', 'u32', steps * STEP_STATE_WORDS);
  const partials = run.input('partials', 'f32', new Float64Array(300).fill(1 / 300));
  const learningRates = Float64Array.from({ length: 4 * SCHEDULE_LENGTH }, (_, i) =>
    i % 4 === 0 ? 1 + i : i / 7,
  );
  const schedule = run.input('schedule', 'f32', learningRates);
  const operations: Operation[] = [];
  for (let step = 0; step < steps; step++) {
    operations.push(
      stepDecide({
        partials,
        schedule,
        state,
        found: slice(found, step * FLAG_STRIDE, 4),
        partialCount: 300,
        scheduleLength: SCHEDULE_LENGTH,
        dynamicScale: dynamic,
        growthInterval: interval,
        clip: 0,
        floor,
        ceiling,
      }),
      { kind: 'copy', from: state, to: slice(trace, step * STEP_STATE_WORDS, STEP_STATE_WORDS) },
    );
  }
  await run.run(operations);

  const u32 = new Uint32Array(run.bytesOf(trace));
  const f32 = new Float32Array(run.bytesOf(trace));
  const differences: string[] = [];
  let scaler = { scale: initialScale, growthTracker: 0 };
  let [applied, skipped, consecutive] = [0, 0, 0];
  const seen = { low: initialScale, high: initialScale };
  for (let step = 0; step < steps; step++) {
    const site = flags[step * FLAG_STRIDE]!;
    const overflow = site !== NO_SITE;
    const used = scaler.scale;
    const row = Math.min(applied, SCHEDULE_LENGTH - 1);
    if (dynamic) scaler = updateScaler(scaler, overflow, { interval, floor, ceiling });
    applied += overflow ? 0 : 1;
    skipped += overflow ? 1 : 0;
    consecutive = overflow ? consecutive + 1 : 0;
    seen.low = Math.min(seen.low, scaler.scale);
    seen.high = Math.max(seen.high, scaler.scale);
    const at = step * STEP_STATE_WORDS;
    // Words of StepState, shaders/lib/step_state.wgsl.
    const pairs: readonly (readonly [string, number, number])[] = [
      ['lossScale', f32[at]!, scaler.scale],
      ['inverseScale', f32[at + 1]!, 1 / scaler.scale],
      ['growthTracker', u32[at + 2]!, scaler.growthTracker],
      ['apply', u32[at + 3]!, overflow ? 0 : 1],
      ['applied', u32[at + 4]!, applied],
      ['skipped', u32[at + 5]!, skipped],
      ['consecutiveSkips', u32[at + 6]!, consecutive],
      ['overflowSite', u32[at + 7]!, site],
      ['learningRate', f32[at + 11]!, Math.fround(learningRates[4 * row]!)],
      ['biasCorrection1', f32[at + 12]!, Math.fround(learningRates[4 * row + 1]!)],
      ['biasCorrection2', f32[at + 13]!, Math.fround(learningRates[4 * row + 2]!)],
      ['scaleUsed', f32[at + 14]!, used],
      ['attempted', u32[at + 15]!, step + 1],
    ];
    for (const [name, actual, expected] of pairs) {
      if (actual !== expected && differences.length < 5) {
        differences.push(`step ${step}: ${name} is ${actual}, expected ${expected}`);
      }
    }
  }
  const cleared = run.codesOf(found).every((flag) => flag === NO_SITE);
  return { differences, applied, skipped, cleared, ...seen };
}
