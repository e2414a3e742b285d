/** How long steps take on the GPU itself, whatever else uses it and the processor meanwhile. */
import { GPUBufferUsageFlags } from './arena.ts';
import type { PassStamps } from './program.ts';

/** The first and the last instant of a step, in nanoseconds as u64. */
export const STAMP_BYTES = 16;

/**
 * Timestamps around each step: from the start of its first kernel to the end of its last, so that clearing the gradients is
 * not counted. Nothing is waited for: they are read back with the step's other figures.
 */
export class GpuClock {
  /** For the first program with kernels of a step, and for the last. */
  readonly start: PassStamps;
  readonly end: PassStamps;
  readonly #queries: GPUQuerySet;
  readonly #resolved: GPUBuffer;

  /** null where the device has no timestamps. */
  static of(device: GPUDevice): GpuClock | null {
    return device.features.has('timestamp-query') ? new GpuClock(device) : null;
  }

  private constructor(device: GPUDevice) {
    this.#queries = device.createQuerySet({ label: 'step clock', type: 'timestamp', count: 2 });
    this.#resolved = device.createBuffer({
      label: 'step clock',
      size: STAMP_BYTES,
      usage: GPUBufferUsageFlags.QUERY_RESOLVE | GPUBufferUsageFlags.COPY_SRC,
    });
    this.start = { querySet: this.#queries, beginningOfPassWriteIndex: 0 };
    this.end = { querySet: this.#queries, endOfPassWriteIndex: 1 };
  }

  /** Copies the timestamps of the step that was submitted last to `offset` of a buffer. */
  read(encoder: GPUCommandEncoder, to: GPUBuffer, offset: number): void {
    encoder.resolveQuerySet(this.#queries, 0, 2, this.#resolved, 0);
    encoder.copyBufferToBuffer(this.#resolved, 0, to, offset, STAMP_BYTES);
  }

  destroy(): void {
    this.#queries.destroy();
    this.#resolved.destroy();
  }
}

/**
 * Milliseconds between a step's timestamps; null where they cannot be right: drivers exist whose timestamps are zero or run
 * backwards, and browsers round them, which leaves nothing of very short steps.
 */
export function stepMilliseconds(bytes: ArrayBuffer): number | null {
  const [start, end] = new BigUint64Array(bytes);
  if (!start || !end || end <= start) return null;
  return Number(end - start) / 1e6;
}
