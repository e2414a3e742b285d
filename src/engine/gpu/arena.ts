import { EngineError } from '../core/errors.ts';
import { mebibytes } from '../core/mebibytes.ts';
import { byteLength, byteRange, type Operand, type Tensor, tensorOf } from './tensor.ts';

export interface BufferRange {
  readonly buffer: GPUBuffer;
  readonly offset: number;
  readonly size: number;
}

/** Owns one GPU buffer for each tensor of a plan. All buffers are freed together. */
export class Arena {
  readonly #buffers: ReadonlyMap<Tensor, GPUBuffer>;
  readonly liveBytes: number;

  private constructor(buffers: ReadonlyMap<Tensor, GPUBuffer>, liveBytes: number) {
    this.#buffers = buffers;
    this.liveBytes = liveBytes;
  }

  /**
   * Allocates one zeroed buffer for each tensor and waits until the GPU has accepted them (one CPU-GPU sync).
   * @throws EngineError OUT_OF_MEMORY after freeing everything
   */
  static async allocate(device: GPUDevice, tensors: Iterable<Tensor>): Promise<Arena> {
    const buffers = new Map<Tensor, GPUBuffer>();
    let bytes = 0;
    device.pushErrorScope('out-of-memory');
    const usage = GPUBufferUsageFlags.STORAGE | GPUBufferUsageFlags.COPY_SRC | GPUBufferUsageFlags.COPY_DST;
    for (const tensor of tensors) {
      const size = byteLength(tensor);
      buffers.set(tensor, device.createBuffer({ label: tensor.name, size, usage }));
      bytes += size;
    }
    // Drivers allocate lazily. Clearing every buffer makes an allocation fail here rather than in step 1.
    const encoder = device.createCommandEncoder({ label: 'touch' });
    for (const buffer of buffers.values()) encoder.clearBuffer(buffer);
    device.queue.submit([encoder.finish()]);
    const error = await device.popErrorScope();
    if (error) {
      for (const buffer of buffers.values()) buffer.destroy();
      throw new EngineError(
        'OUT_OF_MEMORY',
        `The GPU could not allocate ${mebibytes(bytes)} for this run (${error.message}).`,
        'Use a smaller batch, context or width, or close other pages that use the GPU.',
      );
    }
    return new Arena(buffers, bytes);
  }

  /** @throws RangeError if the tensor is not in the plan */
  buffer(tensor: Tensor): GPUBuffer {
    const buffer = this.#buffers.get(tensor);
    if (!buffer) throw new RangeError(`${tensor.name} is not in the plan`);
    return buffer;
  }

  /** The buffer range, in bytes, that holds an operand. @throws RangeError if its tensor is not in the plan */
  range(operand: Operand): BufferRange {
    return { buffer: this.buffer(tensorOf(operand)), ...byteRange(operand) };
  }

  destroy(): void {
    for (const buffer of this.#buffers.values()) buffer.destroy();
  }
}

/** Queues a copy of a whole tensor into another of the same size. */
export function copyTensor(device: GPUDevice, arena: Arena, from: Tensor, to: Tensor): void {
  const encoder = device.createCommandEncoder({ label: `copy ${from.name}` });
  encoder.copyBufferToBuffer(arena.buffer(from), 0, arena.buffer(to), 0, byteLength(from));
  device.queue.submit([encoder.finish()]);
}

/** Reads the first `bytes` of a tensor through a temporary staging buffer (one CPU-GPU sync). */
export async function readTensor(
  device: GPUDevice,
  arena: Arena,
  tensor: Tensor,
  bytes = byteLength(tensor),
): Promise<ArrayBuffer> {
  const usage = GPUBufferUsageFlags.MAP_READ | GPUBufferUsageFlags.COPY_DST;
  const staging = device.createBuffer({ label: `read ${tensor.name}`, size: bytes, usage });
  const encoder = device.createCommandEncoder({ label: 'read' });
  encoder.copyBufferToBuffer(arena.buffer(tensor), 0, staging, 0, bytes);
  device.queue.submit([encoder.finish()]);
  await staging.mapAsync(0x1);
  const copy = staging.getMappedRange().slice(0);
  staging.destroy();
  return copy;
}

/** The values of GPUBufferUsage. Node does not have this global until an instance is created. */
export const GPUBufferUsageFlags = {
  MAP_READ: 0x1,
  COPY_SRC: 0x4,
  COPY_DST: 0x8,
  UNIFORM: 0x40,
  STORAGE: 0x80,
  QUERY_RESOLVE: 0x200,
} as const;
