export interface LiveBuffers {
  readonly count: number;
  readonly bytes: number;
}

/** Counts the buffers that are created on the device from now on and not destroyed, until `stop` is called. */
export function watchBuffers(device: GPUDevice): { live(): LiveBuffers; stop(): void } {
  const buffers = new Set<GPUBuffer>();
  const createBuffer = device.createBuffer;
  device.createBuffer = (descriptor) => {
    const buffer = createBuffer.call(device, descriptor);
    const destroy = buffer.destroy;
    buffer.destroy = () => {
      buffers.delete(buffer);
      return destroy.call(buffer);
    };
    buffers.add(buffer);
    return buffer;
  };
  return {
    live: () => ({
      count: buffers.size,
      bytes: [...buffers].reduce((sum, { size }) => sum + size, 0),
    }),
    stop: () => {
      device.createBuffer = createBuffer;
    },
  };
}
