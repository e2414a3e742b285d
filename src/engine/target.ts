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
  if (wanted === 'native' && report.half !== 'native') {
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
  };
}

/** The second kernel must be this much faster to be taken, so that noise does not change the choice. */
const CLEAR_WIN = 0.9;
/** Square matrices large enough to fill the adapter and small enough that a software one is done in a blink. */
const SIZE = 512;
const SIZE_ON_FALLBACK = 128;
const REPEATS = 3;

/**
 * Times both matmul kernels once on this adapter and returns the faster one. They sum in the same order, so the
 * choice changes speed and not results. Waits for the GPU; called before a run.
 */
export async function tuneMatmul(
  device: GPUDevice,
  pipelines: PipelineCache,
  report: AdapterReport,
): Promise<MatmulKernel> {
  const size = report.isFallback ? SIZE_ON_FALLBACK : SIZE;
  const tensor = (name: string) => ({ name, type: 'f32', elements: size * size }) as const;
  const [a, b, out] = [tensor('tune a'), tensor('tune b'), tensor('tune out')];
  const found = { name: 'tune found', type: 'u32', elements: 4 } as const;
  const arena = await Arena.allocate(device, [a, b, out, found]);
  try {
    const milliseconds = async (kernel: MatmulKernel): Promise<number> => {
      const target = makeTarget(report, 'packed', kernel);
      const operation = matmul(target, {
        label: `tune ${kernel}`,
        a,
        b,
        out,
        m: size,
        n: size,
        k: size,
        found,
      });
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
    const register = await milliseconds('register');
    const tiled = await milliseconds('tiled');
    return tiled < register * CLEAR_WIN ? 'tiled' : 'register';
  } finally {
    arena.destroy();
  }
}
