/** Benchmarks an adapter in about five seconds, for comparison with the speed of runs. */
import { Arena } from '../gpu/arena.ts';
import type { AdapterReport } from '../gpu/device.ts';
import { PipelineCache } from '../gpu/pipelines.ts';
import { Program } from '../gpu/program.ts';
import { peakFlops } from '../gpu/roofline.ts';
import { makeTarget } from '../gpu/target.ts';
import { secondsPerReplay, secondsPerUnit } from '../gpu/timing.ts';
import {
  chooseKernels,
  type KernelChoice,
  type RecordedKernels,
  recordKernels,
} from '../kernels/kernelChoice.ts';
import { matmul } from '../kernels/matmul.ts';
import { gradientNorm, normPartials } from '../kernels/optimizer.ts';
import { STEP_STATE_WORDS } from '../kernels/stepState.ts';
import type { FormatId, HalfStorage } from '../precision/formats.ts';

export interface BenchmarkResult {
  /** Peak rate of f32 multiply-adds on registers, in FLOP/s. */
  readonly peakFlops: number;
  /** Square matmul with f32 operands, in FLOP/s. */
  readonly f32MatmulFlops: number;
  /** The same with f16 operands, accumulated in f32 as in training. */
  readonly f16MatmulFlops: number;
  /** How the f16 operands were stored, which is how a run on this adapter stores them. */
  readonly half: HalfStorage;
  readonly matmulSize: number;
  /** The kernels that were measured, which are those that a run would choose. */
  readonly kernels: RecordedKernels;
  /** Bytes read plus bytes written per second when one buffer is copied to another. */
  readonly copyBytesPerSec: number;
}

/**
 * Measures peak, matmuls and memory bandwidth, each as the best of several repeats. It waits for the GPU and frees all
 * that it allocates. Nothing else should use the device meanwhile.
 * @param signal aborts between two measurements
 * @throws EngineError OUT_OF_MEMORY or SHADER_COMPILE; the signal's reason once it is aborted
 */
export async function benchmark(
  device: GPUDevice,
  report: AdapterReport,
  signal?: AbortSignal,
): Promise<BenchmarkResult> {
  const pipelines = new PipelineCache(device);
  const next = <T>(measure: () => Promise<T>): Promise<T> => {
    signal?.throwIfAborted();
    return measure();
  };
  const kernels = await next(() => chooseKernels(device, pipelines, report));
  const matmulSize = fillingMatmul(report);
  const flops = (format: FormatId) =>
    next(() => measureMatmulFlops(device, pipelines, report, kernels, { format, size: matmulSize }));
  return {
    peakFlops: await next(() => peakFlops(device, pipelines)),
    f32MatmulFlops: await flops('f32'),
    f16MatmulFlops: await flops('f16'),
    half: report.half,
    matmulSize,
    kernels: recordKernels(kernels),
    copyBytesPerSec: await next(() => measureCopyBandwidth(device, report)),
  };
}

/** Size of a square matmul that fills a GPU. Software adapters use a smaller one, because this would take them seconds. */
export function fillingMatmul({ isFallback }: AdapterReport): number {
  return isFallback ? 256 : 2048;
}

/** A square matmul with operands in `format` and the result in f32. */
export interface SquareMatmul {
  readonly format: FormatId;
  readonly size: number;
  readonly aTransposed?: boolean;
  readonly bTransposed?: boolean;
}

/** FLOP/s of a square matmul. */
async function measureMatmulFlops(
  device: GPUDevice,
  pipelines: PipelineCache,
  report: AdapterReport,
  kernels: KernelChoice,
  square: SquareMatmul,
): Promise<number> {
  const { program, destroy } = await matmulProgram(device, pipelines, report, kernels, square);
  try {
    return (2 * square.size ** 3) / (await secondsPerReplay(device, program, 256));
  } finally {
    destroy();
  }
}

/** Compiles one square matmul of zeros and allocates its buffers. */
export async function matmulProgram(
  device: GPUDevice,
  pipelines: PipelineCache,
  report: AdapterReport,
  kernels: KernelChoice,
  { format, size, ...transposed }: SquareMatmul,
): Promise<{ program: Program; destroy: () => void }> {
  const matrix = (name: string, type: FormatId) => ({ name, type, elements: size * size }) as const;
  const [a, b, out] = [matrix('bench a', format), matrix('bench b', format), matrix('bench out', 'f32')];
  const found = { name: 'bench found', type: 'u32', elements: 4 } as const;
  const arena = await Arena.allocate(device, [a, b, out, found]);
  try {
    const target = makeTarget(report, report.half, kernels);
    const shape = { m: size, n: size, k: size, ...transposed };
    const operation = matmul(target, { label: 'bench', a, b, out, ...shape, found });
    const program = await Program.compile(device, pipelines, arena, 'bench', [operation]);
    const destroy = () => {
      program.destroy();
      arena.destroy();
    };
    return { program, destroy };
  } catch (error) {
    arena.destroy();
    throw error;
  }
}

/** Buffer sizes for measuring bandwidth. The one for GPUs is far larger than their caches; software adapters use CPU memory. */
const MEMORY_BYTES = { gpu: 128 * 2 ** 20, software: 16 * 2 ** 20 };

function memoryBytes(device: GPUDevice, { isFallback }: AdapterReport): number {
  const { maxBufferSize, maxStorageBufferBindingSize } = device.limits;
  const wanted = isFallback ? MEMORY_BYTES.software : MEMORY_BYTES.gpu;
  return Math.min(wanted, maxBufferSize, maxStorageBufferBindingSize);
}

/** Measures the bytes per second that the gradient-norm kernel reads. It sums squares and writes very little. */
export async function measureReadBandwidth(
  device: GPUDevice,
  pipelines: PipelineCache,
  report: AdapterReport,
  kernels: KernelChoice,
): Promise<number> {
  const bytes = memoryBytes(device, report);
  const gradient = { name: 'bench values', type: 'f32', elements: bytes / 4 } as const;
  const state = { name: 'bench state', type: 'u32', elements: STEP_STATE_WORDS } as const;
  const partials = { name: 'bench sums', type: 'f32', elements: normPartials(bytes / 4) } as const;
  const found = { name: 'bench found', type: 'u32', elements: 4 } as const;
  const arena = await Arena.allocate(device, [gradient, state, partials, found]);
  try {
    const target = makeTarget(report, report.half, kernels);
    const { elements } = gradient;
    const norm = gradientNorm(target, { gradient, state, partials, found, elements, first: 0 });
    const program = await Program.compile(device, pipelines, arena, 'bench', [norm]);
    try {
      return bytes / (await secondsPerReplay(device, program, 256));
    } finally {
      program.destroy();
    }
  } finally {
    arena.destroy();
  }
}

/** Measures the bytes per second that buffer copies read and write. */
export async function measureCopyBandwidth(device: GPUDevice, report: AdapterReport): Promise<number> {
  const bytes = memoryBytes(device, report);
  const tensor = (name: string) => ({ name, type: 'u32', elements: bytes / 4 }) as const;
  const [from, to] = [tensor('bench from'), tensor('bench to')];
  const arena = await Arena.allocate(device, [from, to]);
  try {
    const seconds = await secondsPerUnit(
      device,
      (units) => {
        const encoder = device.createCommandEncoder({ label: 'bench copy' });
        for (let i = 0; i < units; i++) {
          encoder.copyBufferToBuffer(arena.buffer(from), 0, arena.buffer(to), 0, bytes);
        }
        device.queue.submit([encoder.finish()]);
      },
      256,
    );
    return (2 * bytes) / seconds;
  } finally {
    arena.destroy();
  }
}
