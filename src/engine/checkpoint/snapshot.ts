import { type Arena, GPUBufferUsageFlags, readTensor } from '../gpu/arena.ts';
import { byteLength, bytesPerElement, type Tensor } from '../gpu/tensor.ts';
import { type StateEntry, stateEntries, stateTensors } from '../model/runState.ts';
import type { RunTensors } from '../model/tensors.ts';

/** The state of a run between two steps. Its bytes are in mapped GPU memory until it is released. */
export interface Snapshot {
  /** Number of attempted steps. */
  readonly step: number;
  readonly entries: readonly StateEntry[];
  /** Returns views of the entry's bytes, in order. They must not be used after `release`. */
  bytesOf(entry: StateEntry): Uint8Array<ArrayBuffer>[];
  release(): void;
}

/**
 * Takes snapshots during training: the GPU copies the state at a step boundary, and the CPU reads the copy when it has
 * arrived. If the GPU has no memory for the copy, tensors are read one at a time, and training must wait.
 */
export class Snapshots {
  readonly #device: GPUDevice;
  readonly #arena: Arena;
  readonly #entries: readonly StateEntry[];
  readonly #staging: ReadonlyMap<Tensor, GPUBuffer> | null;
  /** Resolves when the staging buffers are free again. */
  #free: Promise<void> = Promise.resolve();

  private constructor(
    device: GPUDevice,
    arena: Arena,
    entries: readonly StateEntry[],
    staging: ReadonlyMap<Tensor, GPUBuffer> | null,
  ) {
    this.#device = device;
    this.#arena = arena;
    this.#entries = entries;
    this.#staging = staging;
  }

  /** Allocates staging buffers of the size of the state, if the GPU has the memory (one CPU-GPU sync). */
  static async allocate(device: GPUDevice, arena: Arena, tensors: RunTensors): Promise<Snapshots> {
    const entries = stateEntries(tensors);
    device.pushErrorScope('out-of-memory');
    const usage = GPUBufferUsageFlags.MAP_READ | GPUBufferUsageFlags.COPY_DST;
    const staging = new Map(
      stateTensors(entries).map((tensor) => [
        tensor,
        device.createBuffer({ label: `snapshot of ${tensor.name}`, size: byteLength(tensor), usage }),
      ]),
    );
    // Drivers allocate lazily. Clearing every buffer makes an allocation failure show here.
    const encoder = device.createCommandEncoder({ label: 'touch' });
    for (const buffer of staging.values()) encoder.clearBuffer(buffer);
    device.queue.submit([encoder.finish()]);
    if (!(await device.popErrorScope())) return new Snapshots(device, arena, entries, staging);
    for (const buffer of staging.values()) buffer.destroy();
    return new Snapshots(device, arena, entries, null);
  }

  /** Allocates nothing; tensors are read one at a time. */
  static unstaged(device: GPUDevice, arena: Arena, tensors: RunTensors): Snapshots {
    return new Snapshots(device, arena, stateEntries(tensors), null);
  }

  /** Whether no step may be submitted until a snapshot has arrived. */
  get pauses(): boolean {
    return this.#staging === null;
  }

  /** Bytes of the copy on the GPU: as planned, or 0 when there is none. */
  get bytes(): number {
    return [...(this.#staging?.values() ?? [])].reduce((sum, { size }) => sum + size, 0);
  }

  /** Resolves when the last snapshot has been released, after which the next can be taken. */
  get free(): Promise<void> {
    return this.#free;
  }

  /**
   * Copies the state after all submitted steps. Steps may be submitted while the copy is on its way, unless `pauses`.
   * @param step number of submitted steps
   */
  async take(step: number): Promise<Snapshot> {
    let release = (): void => {};
    this.#free = new Promise((resolve) => {
      release = resolve;
    });
    const staging = this.#staging;
    const copied = staging ? this.#copyAll(staging) : this.#readEach();
    copied.catch(release); // a lost device ends the copy, and the next snapshot must not wait for it
    const bytesOf = await copied;
    return {
      step,
      entries: this.#entries,
      bytesOf: ({ slices }) =>
        slices.map(({ tensor, offset, elements }) => {
          const bytes = bytesPerElement(tensor.type);
          return new Uint8Array(bytesOf.get(tensor)!, offset * bytes, elements * bytes);
        }),
      release: () => {
        for (const buffer of staging?.values() ?? []) buffer.unmap();
        release();
      },
    };
  }

  /**
   * Waits until other snapshots are released, then takes one of all steps that are submitted by then.
   * @param steps returns the number of submitted steps
   */
  async takeNext(steps: () => number): Promise<Snapshot> {
    for (let seen: Promise<void> | null = null; seen !== this.#free; ) {
      seen = this.#free;
      await seen;
    }
    return this.take(steps());
  }

  destroy(): void {
    for (const buffer of this.#staging?.values() ?? []) buffer.destroy();
  }

  async #copyAll(staging: ReadonlyMap<Tensor, GPUBuffer>): Promise<Map<Tensor, ArrayBuffer>> {
    const encoder = this.#device.createCommandEncoder({ label: 'snapshot' });
    for (const [tensor, buffer] of staging)
      encoder.copyBufferToBuffer(this.#arena.buffer(tensor), 0, buffer, 0, byteLength(tensor));
    this.#device.queue.submit([encoder.finish()]);
    await Promise.all([...staging.values()].map((buffer) => buffer.mapAsync(0x1)));
    return new Map([...staging].map(([tensor, buffer]) => [tensor, buffer.getMappedRange()]));
  }

  async #readEach(): Promise<Map<Tensor, ArrayBuffer>> {
    const read = new Map<Tensor, ArrayBuffer>();
    for (const tensor of stateTensors(this.#entries)) {
      read.set(tensor, await readTensor(this.#device, this.#arena, tensor));
    }
    return read;
  }
}
