/** The size of an adapter's subgroups: what kernels may count on, proven by a kernel. */
import { EngineError } from '../core/errors.ts';
import { Arena, readTensor } from './arena.ts';
import { dispatch } from './dispatch.ts';
import { laneForm } from './lanes.ts';
import type { Dispatch } from './operation.ts';
import { PipelineCache } from './pipelines.ts';
import { Program } from './program.ts';
import type { Tensor } from './tensor.ts';

/** With it a pipeline asks for the size of its subgroups. */
export const SUBGROUP_SIZE_CONTROL = 'subgroup-size-control';

export interface SubgroupReport {
  /** Lanes of every subgroup in the pipelines of a run; null where kernels cannot count on one size and use no subgroups. */
  readonly size: number | null;
  /** Whether pipelines ask for that size, since the adapter has several. */
  readonly asked: boolean;
  /** Why `size` is null. */
  readonly note: string | null;
}

export interface SubgroupRange {
  readonly min: number;
  readonly max: number;
}

/**
 * GPUs with several sizes run wide subgroups at half the registers a lane, and narrow ones without some instructions: of
 * 8, 16 and 32 lanes 16 is taken, of 32 and 64 lanes 32.
 */
const PREFERRED = 16;

/** Returns what an adapter that names these sizes is expected to have. @param range null without subgroups */
export function expectedSubgroups(
  range: SubgroupRange | null,
  features: readonly string[],
): SubgroupReport | null {
  if (!range) return null;
  const { min, max } = range;
  if (min === max) return { size: min, asked: false, note: null };
  if (features.includes(SUBGROUP_SIZE_CONTROL)) {
    return { size: Math.max(min, Math.min(max, PREFERRED)), asked: true, note: null };
  }
  return unused(`sizes vary from ${min} to ${max} lanes, and this WebGPU cannot fix one`);
}

function unused(note: string): SubgroupReport {
  return { size: null, asked: false, note };
}

/** Enough workgroups to meet more than one core. */
const GROUPS = 4;
/** Whole subgroups of every size, which is all that a pipeline that asks for a size may have. */
const WHOLE = [128, 256];
/** Less than a subgroup, and no multiple of one. */
const PARTS = [4, 12, 40];

/**
 * Runs a kernel that shows the subgroups of its workgroups, and returns what was expected of them, or why that does not
 * hold. One CPU-GPU sync.
 * @throws EngineError OUT_OF_MEMORY
 */
export async function probeSubgroups(
  device: GPUDevice,
  range: SubgroupRange | null,
): Promise<SubgroupReport | null> {
  const expected = expectedSubgroups(range, [...device.features]);
  if (!expected || expected.size === null) return expected;
  const { size, asked } = expected;
  const widths = asked ? WHOLE : [...PARTS, ...WHOLE];
  const lanes = widths.reduce((sum, width) => sum + GROUPS * width, 0);
  const out: Tensor = { name: 'subgroup probe', type: 'u32', elements: 4 * lanes };
  const arena = await Arena.allocate(device, [out]);
  try {
    const pipelines = new PipelineCache(device);
    let first = 0;
    const probes = widths.map((width) => {
      const probe = probeDispatch(out, first, width, expected);
      first += GROUPS * width;
      return probe;
    });
    const program = await Program.compile(device, pipelines, arena, 'subgroup probe', probes);
    program.submit(Number.POSITIVE_INFINITY);
    program.destroy();
    const found = new Uint32Array(await readTensor(device, arena, out));
    const fault = probeFault(found, widths, size);
    return fault === null ? expected : unused(fault);
  } catch (error) {
    if (!(error instanceof EngineError && error.code === 'SHADER_COMPILE')) throw error;
    return unused(`a kernel that shows their size does not compile: ${error.message}`);
  } finally {
    arena.destroy();
  }
}

/** @param first lane of `out` where the dispatch begins */
export function probeDispatch(
  out: Tensor,
  first: number,
  width: number,
  { size, asked }: SubgroupReport,
): Dispatch {
  return dispatch(null, 'subgroup_probe', {
    tensors: { out },
    writes: ['out'],
    uniforms: { first },
    ...laneForm({ subgroup: size, asksSubgroup: asked, lanes: width }),
    grid: [GROUPS, 1, 1],
    label: 'subgroup probe',
  });
}

/** Returns how subgroups differ from consecutive lanes of `size`; null where they do not. Four numbers a lane, as the kernel stores them. */
export function probeFault(found: Uint32Array, widths: readonly number[], size: number): string | null {
  let at = 0;
  for (const width of widths) {
    for (let lane = 0; lane < GROUPS * width; lane++, at += 4) {
      const local = lane % width;
      const lowest = local - (local % size);
      const expected = [size, local % size, Math.min(size, width - lowest), lowest];
      const [shown, ...places] = found.subarray(at, at + 4);
      if (shown !== size) return `subgroups of ${size} lanes were expected, and a kernel has ${shown}`;
      if (places.some((place, i) => place !== expected[i + 1])) {
        return `the subgroups of a workgroup of ${width} lanes are not ${size} consecutive lanes each`;
      }
    }
  }
  return null;
}
