/** Measures the adapter's peak arithmetic rate. */
import { Arena } from './arena.ts';
import type { AdapterReport } from './device.ts';
import { dispatch } from './dispatch.ts';
import type { Dispatch } from './operation.ts';
import type { PipelineCache } from './pipelines.ts';
import { Program } from './program.ts';
import { secondsPerUnit } from './timing.ts';

const LANES = 64;
/** Floating-point operations of one lane of peak_fma.wgsl. */
const FLOPS_PER_LANE = 2 * 4 * 6 * 8 * 512;
const FLOPS_PER_GROUP = LANES * FLOPS_PER_LANE;
const MAX_GROUPS = 32768;
const PEAK_MS = 20;

/** A way to write the multiply-add; see shaders/peak_fma.wgsl. No form is the fastest on every adapter. */
export const PEAK_FORMS = ['scaled', 'crossed'] as const;
export type PeakForm = (typeof PEAK_FORMS)[number];

interface MeasuredPeak {
  readonly flops: number;
  readonly form: PeakForm;
}

const peaks = new WeakMap<GPUDevice, Promise<MeasuredPeak>>();

/**
 * Peak rate of f32 multiply-adds in FLOP/s, in the form that is faster, measured at the first call for a device. It waits
 * for the GPU, for up to two seconds on software adapters, so it is never called between steps.
 * @throws EngineError OUT_OF_MEMORY
 */
export async function peakFlops(device: GPUDevice, pipelines: PipelineCache): Promise<number> {
  return (await measuredPeak(device, pipelines)).flops;
}

function measuredPeak(device: GPUDevice, pipelines: PipelineCache): Promise<MeasuredPeak> {
  let peak = peaks.get(device);
  if (!peak) {
    peak = measurePeakFlops(device, pipelines);
    peaks.set(device, peak);
    peak.catch(() => peaks.delete(device)); // the next attempt may have enough memory
  }
  return peak;
}

/**
 * Peak rate of f16 multiply-adds in FLOP/s, measured at each call. No training kernel uses f16 arithmetic.
 * @throws EngineError OUT_OF_MEMORY, and SHADER_COMPILE on a device without shader-f16
 */
export async function halfPeakFlops(device: GPUDevice, pipelines: PipelineCache): Promise<number> {
  return (await measurePeakFlops(device, pipelines, true)).flops;
}

/**
 * Returns `flops` over `peak`, the peak of f32 multiply-adds, both in FLOP/s. Only matrix units exceed that peak. Without
 * them a share above 1 means that the peak was measured too low, and null is returned.
 * @param usesMatrixUnits whether any of the work may have run on matrix units
 */
export function shareOfPeak(flops: number, peak: number, usesMatrixUnits: boolean): number | null {
  const share = flops / peak;
  return share <= 1 || (usesMatrixUnits && Number.isFinite(share)) ? share : null;
}

async function measurePeakFlops(
  device: GPUDevice,
  pipelines: PipelineCache,
  half = false,
): Promise<MeasuredPeak> {
  const submit = async (groups: number, form: PeakForm) => {
    const dispatch = peakDispatch(out, groups, form, half);
    const program = await Program.compile(device, pipelines, arena, 'peak', [dispatch]);
    program.submit(Number.POSITIVE_INFINITY);
    program.destroy();
  };
  const out = peakOutput(MAX_GROUPS);
  const arena = await Arena.allocate(device, [out]);
  try {
    let best: MeasuredPeak | null = null;
    for (const form of PEAK_FORMS) {
      const seconds = await secondsPerUnit(device, (groups) => submit(groups, form), MAX_GROUPS);
      const flops = FLOPS_PER_GROUP / seconds;
      if (!best || flops > best.flops) best = { flops, form };
    }
    return best!;
  } finally {
    arena.destroy();
  }
}

/**
 * Estimates FLOP/s from one short dispatch, for decisions that must be quick. The result is a few times lower than the
 * peak. Two CPU-GPU syncs.
 */
export async function roughFlops(
  device: GPUDevice,
  pipelines: PipelineCache,
  { isFallback }: AdapterReport,
): Promise<number> {
  const { program, flops, destroy } = await compilePeak(device, pipelines, isFallback ? 1 : 64, 'scaled');
  try {
    let milliseconds = 0;
    // The first submission includes start-up costs, so only the second one counts.
    for (let repeat = 0; repeat < 2; repeat++) {
      const start = performance.now();
      program.submit(Number.POSITIVE_INFINITY);
      await device.queue.onSubmittedWorkDone();
      milliseconds = performance.now() - start;
    }
    return flops / (Math.max(milliseconds, 0.01) / 1000);
  } finally {
    destroy();
  }
}

/** A dispatch of the peak kernel, and its work in FLOP. */
export interface Peak {
  readonly program: Program;
  readonly flops: number;
  readonly destroy: () => void;
}

/**
 * Returns the peak kernel with about {@link PEAK_MS} of work, to be timed alternately with other kernels.
 * @throws EngineError OUT_OF_MEMORY
 */
export async function peakProgram(device: GPUDevice, pipelines: PipelineCache): Promise<Peak> {
  const { flops, form } = await measuredPeak(device, pipelines);
  const groups = Math.min(MAX_GROUPS, Math.ceil(((PEAK_MS / 1000) * flops) / FLOPS_PER_GROUP));
  return compilePeak(device, pipelines, groups, form);
}

async function compilePeak(
  device: GPUDevice,
  pipelines: PipelineCache,
  groups: number,
  form: PeakForm,
): Promise<Peak> {
  const out = peakOutput(groups);
  const arena = await Arena.allocate(device, [out]);
  try {
    const program = await Program.compile(device, pipelines, arena, 'peak', [
      peakDispatch(out, groups, form),
    ]);
    const destroy = () => {
      program.destroy();
      arena.destroy();
    };
    return { program, flops: groups * FLOPS_PER_GROUP, destroy };
  } catch (error) {
    arena.destroy();
    throw error;
  }
}

type PeakOutput = ReturnType<typeof peakOutput>;

function peakOutput(groups: number) {
  return { name: 'peak', type: 'f32', elements: groups * LANES * 4 } as const;
}

/** @internal exported for tests */
export function peakDispatch(out: PeakOutput, groups: number, form: PeakForm, half = false): Dispatch {
  return dispatch(null, 'peak_fma', {
    tensors: { out },
    writes: ['out'],
    uniforms: { factor: 1 - 2 ** -13, addend: 2 ** -13 },
    conditions: { half, crossed: form === 'crossed' },
    grid: [groups, 1, 1],
    label: 'peak',
  });
}
