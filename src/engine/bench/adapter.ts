/** What the adapter reaches in five seconds: the figures that a run's speed is held against. */
import { Arena } from '../arena.ts';
import type { AdapterReport } from '../device.ts';
import { matmul } from '../kernels/matmul.ts';
import type { MatmulKernel } from '../kernels/operation.ts';
import { PipelineCache } from '../pipelines.ts';
import type { FormatId, HalfStorage } from '../precision/formats.ts';
import { Program } from '../program.ts';
import { peakFlops } from '../roofline.ts';
import { makeTarget, tuneMatmul } from '../target.ts';
import { secondsPerReplay, secondsPerUnit } from '../timing.ts';

export interface BenchmarkResult {
  /** f32 multiply-adds on registers, FLOP/s. */
  readonly peakFlops: number;
  /** Square matmul with f32 operands, FLOP/s. */
  readonly f32MatmulFlops: number;
  /** The same with f16 operands, summed in f32 as in training. */
  readonly f16MatmulFlops: number;
  /** How those operands were held: the way a run on this adapter would. */
  readonly half: HalfStorage;
  readonly matmulSize: number;
  /** The kernel that ran: the one a run would choose. */
  readonly kernel: MatmulKernel;
  /** Bytes read and written a second when one buffer is copied to another. */
  readonly copyBytesPerSec: number;
}

/**
 * Measures peak, matmuls and memory, each as the best of several repeats. Waits for the GPU; frees all it made.
 * Only meaningful while nothing else runs on the device.
 * @param signal ends it between two measurements
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
  const kernel = await next(() => tuneMatmul(device, pipelines, report));
  const matmulSize = fillingMatmul(report);
  const flops = (format: FormatId) =>
    next(() => measureMatmulFlops(device, pipelines, report, kernel, format, matmulSize));
  return {
    peakFlops: await next(() => peakFlops(device, pipelines)),
    f32MatmulFlops: await flops('f32'),
    f16MatmulFlops: await flops('f16'),
    half: report.half,
    matmulSize,
    kernel,
    copyBytesPerSec: await next(() => measureCopyBandwidth(device, report)),
  };
}

/** Size of a square matmul that fills a GPU; a software adapter would take seconds for one. */
export function fillingMatmul({ isFallback }: AdapterReport): number {
  return isFallback ? 256 : 2048;
}

/** FLOP/s of a square matmul of `size`, operands in `format`, result in f32. */
export async function measureMatmulFlops(
  device: GPUDevice,
  pipelines: PipelineCache,
  report: AdapterReport,
  kernel: MatmulKernel,
  format: FormatId,
  size: number,
): Promise<number> {
  const { program, destroy } = await matmulProgram(device, pipelines, report, kernel, format, size);
  try {
    return (2 * size ** 3) / (await secondsPerReplay(device, program, 256));
  } finally {
    destroy();
  }
}

/** One square matmul of zeros as {@link measureMatmulFlops} times it, with the buffers that it needs. */
export async function matmulProgram(
  device: GPUDevice,
  pipelines: PipelineCache,
  report: AdapterReport,
  kernel: MatmulKernel,
  format: FormatId,
  size: number,
): Promise<{ program: Program; destroy: () => void }> {
  const matrix = (name: string, type: FormatId) => ({ name, type, elements: size * size }) as const;
  const [a, b, out] = [matrix('bench a', format), matrix('bench b', format), matrix('bench out', 'f32')];
  const found = { name: 'bench found', type: 'u32', elements: 4 } as const;
  const arena = await Arena.allocate(device, [a, b, out, found]);
  try {
    const target = makeTarget(report, report.half, kernel);
    const operation = matmul(target, { label: 'bench', a, b, out, m: size, n: size, k: size, found });
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

/** Far beyond the caches of a GPU; a software adapter has the memory of the processor. */
const COPY_BYTES = { gpu: 128 * 2 ** 20, software: 16 * 2 ** 20 };

/** Bytes a second that copies from buffer to buffer read and write. */
export async function measureCopyBandwidth(device: GPUDevice, report: AdapterReport): Promise<number> {
  const wanted = report.isFallback ? COPY_BYTES.software : COPY_BYTES.gpu;
  const bytes = Math.min(wanted, device.limits.maxBufferSize);
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
