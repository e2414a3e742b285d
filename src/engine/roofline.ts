/** What the adapter can do at most, measured and not read from a data sheet. */
import { Arena } from './arena.ts';
import { type Dispatch, f32 } from './kernels/operation.ts';
import type { PipelineCache } from './pipelines.ts';
import { Program } from './program.ts';

const LANES = 64;
/** Operations of one lane of peak_fma.wgsl. */
const FLOPS_PER_LANE = 2 * 4 * 6 * 8 * 512;
/** Long enough that submission and timer do not show. */
const ENOUGH_MS = 20;

/**
 * Peak f32 multiply-add rate in FLOP/s: best of three dispatches that each take at least 20 ms.
 * Waits for the GPU a few times; called before a run, never in it.
 */
export async function measurePeakFlops(device: GPUDevice, pipelines: PipelineCache): Promise<number> {
  const maxGroups = 32768;
  const out = { name: 'peak', type: 'f32', elements: maxGroups * LANES * 4 } as const;
  const arena = await Arena.allocate(device, [out]);
  try {
    let groups = 64;
    for (;;) {
      const program = await Program.compile(device, pipelines, arena, 'peak', [peakDispatch(out, groups)]);
      let best = Number.POSITIVE_INFINITY;
      for (let repeat = 0; repeat < 3; repeat++) {
        const start = performance.now();
        program.submit(Number.POSITIVE_INFINITY);
        await device.queue.onSubmittedWorkDone();
        best = Math.min(best, performance.now() - start);
      }
      program.destroy();
      if (best >= ENOUGH_MS || groups === maxGroups) return (groups * LANES * FLOPS_PER_LANE) / (best / 1000);
      groups = Math.min(maxGroups, groups * 4);
    }
  } finally {
    arena.destroy();
  }
}

function peakDispatch(out: { name: string; type: 'f32'; elements: number }, groups: number): Dispatch {
  return {
    kind: 'dispatch',
    variant: { kernel: 'peak_fma', slots: {}, conditions: {}, constants: {} },
    bindings: { out },
    params: [f32(0.999), f32(0.001)],
    grid: [groups, 1, 1],
    label: 'peak',
  };
}
