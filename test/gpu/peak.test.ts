/** The peak kernel: both forms do the multiply-adds that their rate is counted in, and the faster form is the peak. */
import { expect, test } from 'vitest';
import { Arena } from '../../src/engine/gpu/arena.ts';
import { PipelineCache } from '../../src/engine/gpu/pipelines.ts';
import { Program } from '../../src/engine/gpu/program.ts';
import {
  PEAK_FORMS,
  type PeakForm,
  peakDispatch,
  peakFlops,
  peakProgram,
} from '../../src/engine/gpu/roofline.ts';
import { withDevice } from './device.ts';
import { gamma } from './kernels/approx.ts';

const STEPS = 8 * 512;
const CHAINS = 6;
const SMALL = 2 ** -13;

/** What the lane stores in a component, in f64. */
function replay(form: PeakForm, lane: number, component: number): number {
  const start = lane + component / 4;
  const s = Array.from({ length: CHAINS }, (_, i) => start + i);
  const x = SMALL * (1 + start / 64);
  for (let step = 0; step < STEPS; step++) {
    for (let i = 0; i < CHAINS; i++) {
      s[i] = form === 'scaled' ? s[i]! * (1 - SMALL) + SMALL : s[i]! + x * s[(i + 1) % CHAINS]!;
    }
  }
  return s.reduce((sum, value) => sum + value, 0);
}

test.each(PEAK_FORMS)('the form "%s" computes every one of its chains', (form) =>
  withDevice(async (device) => {
    const out = { name: 'peak', type: 'f32', elements: 64 * 4 } as const;
    const arena = await Arena.allocate(device, [out]);
    const program = await Program.compile(device, new PipelineCache(device), arena, 'peak', [
      peakDispatch(out, 1, form),
    ]);
    const staging = device.createBuffer({
      size: 1024,
      usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
    });
    program.submit(Number.POSITIVE_INFINITY);
    const encoder = device.createCommandEncoder();
    encoder.copyBufferToBuffer(arena.buffer(out), 0, staging, 0, 1024);
    device.queue.submit([encoder.finish()]);
    await staging.mapAsync(GPUMapMode.READ);
    const stored = new Float32Array(staging.getMappedRange().slice(0));
    let worst = 0;
    for (const [i, value] of stored.entries()) {
      const expected = replay(form, i >> 2, i % 4);
      worst = Math.max(worst, Math.abs(value - expected) / Math.abs(expected));
    }
    // All numbers are positive, so no rounding is amplified: two a step, three for a lane's start and factor, those of the sum.
    const bound = gamma(2 * STEPS + 3 + CHAINS);
    console.log(`peak, form ${form}: relative error ${worst} <= ${bound}`);
    expect(worst).toBeLessThanOrEqual(bound);
    staging.destroy();
    program.destroy();
    arena.destroy();
  }),
);

test('the peak that others are timed against has the form of the peak that is reported', () =>
  withDevice(async (device, { buffers }) => {
    const pipelines = new PipelineCache(device);
    const flops = await peakFlops(device, pipelines);
    const peak = await peakProgram(device, pipelines);
    expect(peak.flops).toBeGreaterThan(0);
    expect(await peakFlops(device, pipelines)).toBe(flops);
    peak.destroy();
    expect([...buffers].map(({ label }) => label)).toEqual([]);
  }));
