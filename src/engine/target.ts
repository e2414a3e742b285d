/** Chooses kernels for an adapter. */
import { Arena } from './arena.ts';
import type { AdapterReport } from './device.ts';
import { EngineError } from './errors.ts';
import { matmul } from './kernels/matmul.ts';
import type { MatmulKernel, Target } from './kernels/operation.ts';
import type { PipelineCache } from './pipelines.ts';
import type { HalfStorage } from './precision/formats.ts';
import { Program } from './program.ts';

/** Row kernels without subgroups reduce over this many lanes in shared memory. */
const LANES_WITHOUT_SUBGROUPS = 64;

/** The storage of halves that a run asks for. @throws EngineError BAD_VALUE when native halves are not there */
export function chooseHalf(wanted: 'auto' | HalfStorage, report: AdapterReport): HalfStorage {
  if (wanted === 'native' && !report.features.includes('shader-f16')) {
    throw new EngineError(
      'BAD_VALUE',
      `Native f16 needs the WebGPU feature shader-f16; ${report.name} does not offer it.`,
      'Use packed f16: the same values, two in a word.',
    );
  }
  return wanted === 'auto' ? report.half : wanted;
}

export function makeTarget(report: AdapterReport, half: HalfStorage, kernel: MatmulKernel): Target {
  return {
    half,
    subgroups: report.subgroupSize !== null,
    lanes: report.subgroupSize?.min ?? LANES_WITHOUT_SUBGROUPS,
    matmul: kernel,
    // Two cores have enough to do, and the partial sums would only pass through memory.
    splitSums: !report.isFallback,
  };
}

/**
 * The matmul kernels worth trying on an adapter, the expected one first. On software adapters the answer is known:
 * as many rows as their compilers keep at hand, and never shared memory, which costs them ten times the speed.
 */
export function matmulCandidates({ isFallback, subgroupSize }: AdapterReport): readonly MatmulKernel[] {
  if (isFallback) return [subgroupSize && subgroupSize.min >= 8 ? 'register32' : 'register8'];
  // Without subgroups every lane loads all of `a` itself, and fewer rows keep registers free.
  return [subgroupSize ? 'register16' : 'register8', 'tiled'];
}

/** Another kernel must be this much faster to be taken, so that noise does not change the choice. */
const CLEAR_WIN = 0.9;
/** Square matrices large enough to fill a GPU. */
const SIZE = 512;
const REPEATS = 3;

/**
 * The fastest of the adapter's matmul kernels, timed once where there is a choice. They sum in the same order, so it
 * changes speed and not results. Waits for the GPU; called before a run.
 */
export async function tuneMatmul(
  device: GPUDevice,
  pipelines: PipelineCache,
  report: AdapterReport,
): Promise<MatmulKernel> {
  const [expected, ...others] = matmulCandidates(report);
  if (others.length === 0) return expected!;
  const tensor = (name: string) => ({ name, type: 'f32', elements: SIZE * SIZE }) as const;
  const [a, b, out] = [tensor('tune a'), tensor('tune b'), tensor('tune out')];
  const found = { name: 'tune found', type: 'u32', elements: 4 } as const;
  const arena = await Arena.allocate(device, [a, b, out, found]);
  try {
    const milliseconds = async (kernel: MatmulKernel): Promise<number> => {
      const target = makeTarget(report, 'packed', kernel);
      const label = `tune ${kernel}`;
      const operation = matmul(target, { label, a, b, out, m: SIZE, n: SIZE, k: SIZE, found });
      const program = await Program.compile(device, pipelines, arena, 'tune', [operation]);
      let best = Number.POSITIVE_INFINITY;
      for (let repeat = 0; repeat <= REPEATS; repeat++) {
        const start = performance.now();
        program.submit(Number.POSITIVE_INFINITY);
        await device.queue.onSubmittedWorkDone();
        // The first submission pays for start-up.
        if (repeat > 0) best = Math.min(best, performance.now() - start);
      }
      program.destroy();
      return best;
    };
    let fastest = { kernel: expected!, best: await milliseconds(expected!) };
    for (const kernel of others) {
      const best = await milliseconds(kernel);
      if (best < fastest.best * CLEAR_WIN) fastest = { kernel, best };
    }
    return fastest.kernel;
  } finally {
    arena.destroy();
  }
}
