/** Measures the GPU time of steps with timestamp queries. */
import { GPUBufferUsageFlags } from './arena.ts';
import type { PassStamps } from './program.ts';

/** Bytes of the two timestamps of a step, each a u64 in nanoseconds. */
export const STAMP_BYTES = 16;

/**
 * Takes timestamps at the start of the first kernel and at the end of the last kernel of each step, so that clearing the
 * gradients is not included. Nothing waits for them: they are read back with the step's metrics.
 */
export class GpuClock {
  /** Timestamp writes for the first program with kernels of a step; `end` is for the last. */
  readonly start: PassStamps;
  readonly end: PassStamps;
  readonly #queries: GPUQuerySet;
  readonly #resolved: GPUBuffer;

  /** Returns null when the device has no timestamp queries. */
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

  /** Copies the timestamps of the last submitted step to `offset` of a buffer. */
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
 * Milliseconds between the timestamps of a step; null when they cannot be right. Some drivers return zero or decreasing
 * timestamps, and browsers round them, so that very short steps have equal ones.
 */
export function stepMilliseconds(bytes: ArrayBuffer): number | null {
  const [start, end] = new BigUint64Array(bytes);
  if (!start || !end || end <= start) return null;
  return Number(end - start) / 1e6;
}
