import { GPUBufferUsageFlags } from './arena.ts';

/** Firefox resolves mapAsync from a 100 ms timer: with four in flight it still sees 40 steps a second. */
const DEFAULT_DEPTH = 4;

/**
 * Small GPU results that arrive a few steps late. Queuing one never waits; only a full ring does, and that is
 * what keeps the CPU from running away from the GPU.
 */
export class ReadbackRing {
  readonly #free: GPUBuffer[];
  readonly #all: readonly GPUBuffer[];
  readonly #pending: Promise<void>[] = [];
  readonly #deliver: (bytes: ArrayBuffer) => void;

  constructor(device: GPUDevice, size: number, deliver: (bytes: ArrayBuffer) => void, depth = DEFAULT_DEPTH) {
    const usage = GPUBufferUsageFlags.MAP_READ | GPUBufferUsageFlags.COPY_DST;
    this.#all = Array.from({ length: depth }, (_, i) =>
      device.createBuffer({ label: `readback ${i}`, size, usage }),
    );
    this.#free = [...this.#all];
    this.#deliver = deliver;
  }

  get pending(): number {
    return this.#pending.length;
  }

  get isFull(): boolean {
    return this.#free.length === 0;
  }

  /** Resolves when everything queued by now has been delivered. */
  get delivered(): Promise<void> {
    return this.#pending.at(-1) ?? Promise.resolve();
  }

  /**
   * Queues a result, which `copy` puts into the buffer that it is given; results are delivered in order. The ring must not be
   * full.
   */
  push(device: GPUDevice, copy: (encoder: GPUCommandEncoder, to: GPUBuffer) => void): void {
    const buffer = this.#free.pop();
    if (!buffer) throw new RangeError('The readback ring is full: wait for it first');
    const encoder = device.createCommandEncoder({ label: 'readback' });
    copy(encoder, buffer);
    device.queue.submit([encoder.finish()]);
    const mapped = buffer.mapAsync(0x1);
    const previous = this.delivered;
    const delivery = Promise.all([previous, mapped]).then(() => {
      const bytes = buffer.getMappedRange().slice(0);
      buffer.unmap();
      this.#free.push(buffer);
      this.#pending.shift();
      this.#deliver(bytes);
    });
    // A failure is reported by whoever waits; unobserved, it must not take the process down.
    delivery.catch(() => undefined);
    this.#pending.push(delivery);
  }

  /** Waits until there is room for one more. */
  async waitForRoom(): Promise<void> {
    while (this.isFull) await this.#pending[0];
  }

  /** Waits until everything queued has been delivered: a CPU-GPU sync. */
  async drain(): Promise<void> {
    while (this.#pending.length > 0) await this.delivered;
  }

  destroy(): void {
    for (const buffer of this.#all) buffer.destroy();
  }
}
