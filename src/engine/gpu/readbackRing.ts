import { GPUBufferUsageFlags } from './arena.ts';

/** Firefox resolves mapAsync from a 100 ms timer. Four readbacks in flight still allow 40 steps per second. */
const DEFAULT_DEPTH = 4;

/**
 * Reads small results back from the GPU a few steps late. Queuing a readback never waits. The caller waits only when the
 * ring is full, which keeps the CPU from running ahead of the GPU.
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

  /** Resolves when everything queued so far has been delivered. */
  get delivered(): Promise<void> {
    return this.#pending.at(-1) ?? Promise.resolve();
  }

  /**
   * Queues a readback. `copy` copies the result into the buffer that it receives. Results are delivered in order.
   * @throws RangeError when the ring is full
   */
  push(device: GPUDevice, copy: (encoder: GPUCommandEncoder, to: GPUBuffer) => void): void {
    const buffer = this.#free.pop();
    if (!buffer) throw new RangeError('The readback ring is full: call waitForRoom first');
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
    // Callers that wait get the failure. If nobody waits, it must not end the process.
    delivery.catch(() => undefined);
    this.#pending.push(delivery);
  }

  /** Waits until another readback can be queued. */
  async waitForRoom(): Promise<void> {
    while (this.isFull) await this.#pending[0];
  }

  /** Waits until everything queued has been delivered (a CPU-GPU sync). */
  async drain(): Promise<void> {
    while (this.#pending.length > 0) await this.delivered;
  }

  destroy(): void {
    for (const buffer of this.#all) buffer.destroy();
  }
}
