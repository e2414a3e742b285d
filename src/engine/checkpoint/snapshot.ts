import { type Arena, GPUBufferUsageFlags, readTensor } from '../gpu/arena.ts';
import { byteLength, bytesPerElement, type Tensor } from '../gpu/tensor.ts';
import { type StateEntry, stateEntries, stateTensors } from '../model/runState.ts';
import type { RunTensors } from '../model/tensors.ts';

/** A run's state as it was between two steps. Its bytes lie in mapped GPU memory until it is released. */
export interface Snapshot {
  /** Steps attempted before it. */
  readonly step: number;
  readonly entries: readonly StateEntry[];
  /** Views of the entry's bytes, in order; not to be used after `release`. */
  bytesOf(entry: StateEntry): Uint8Array<ArrayBuffer>[];
  release(): void;
}

/**
 * Takes snapshots while training goes on: a copy on the GPU at a step boundary, read by the CPU when it has arrived. Where
 * the GPU has no room for the copy, a tensor at a time is read instead, and training must wait.
 */
export class Snapshots {
  readonly #device: GPUDevice;
  readonly #arena: Arena;
  readonly #entries: readonly StateEntry[];
  readonly #staging: ReadonlyMap<Tensor, GPUBuffer> | null;
  /** Resolves when the staging is free again. */
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

  /** Allocates the staging, as many bytes as the state has, where the GPU gives them (one sync). */
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
    // Drivers allocate lazily: touching every buffer makes a refusal show here.
    const encoder = device.createCommandEncoder({ label: 'touch' });
    for (const buffer of staging.values()) encoder.clearBuffer(buffer);
    device.queue.submit([encoder.finish()]);
    if (!(await device.popErrorScope())) return new Snapshots(device, arena, entries, staging);
    for (const buffer of staging.values()) buffer.destroy();
    return new Snapshots(device, arena, entries, null);
  }

  /** Allocates nothing: a tensor at a time is read. */
  static unstaged(device: GPUDevice, arena: Arena, tensors: RunTensors): Snapshots {
    return new Snapshots(device, arena, stateEntries(tensors), null);
  }

  /** True where no step may be submitted before a snapshot has arrived. */
  get pauses(): boolean {
    return this.#staging === null;
  }

  /** What the copy takes on the GPU: as planned, or nothing where there is no room for it. */
  get bytes(): number {
    return [...(this.#staging?.values() ?? [])].reduce((sum, { size }) => sum + size, 0);
  }

  /** Resolves when the last snapshot has been released: only then can the next be taken. */
  get free(): Promise<void> {
    return this.#free;
  }

  /**
   * Copies the state behind all steps that were submitted, without waiting for them.
   * @param step how many these are
   */
  async take(step: number): Promise<Snapshot> {
    let release = (): void => {};
    this.#free = new Promise((resolve) => {
      release = resolve;
    });
    const staging = this.#staging;
    const copied = staging ? this.#copyAll(staging) : this.#readEach();
    copied.catch(release); // a lost device takes the copy back; who waits for the next one is told as well
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
   * Waits for the snapshots that others took, then copies the state behind all steps that are submitted by then.
   * @param steps how many these are, asked at that moment
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
