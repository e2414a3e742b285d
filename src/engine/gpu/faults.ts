import { EngineError } from '../core/errors.ts';

export function deviceLost(info: GPUDeviceLostInfo): EngineError {
  return new EngineError(
    'DEVICE_LOST',
    `The GPU was taken away or reset${info.message ? `: ${info.message}` : '.'}`,
    'Start the training again. If it happens again, choose a smaller preset.',
  );
}

/** Remembers the first thing that went wrong on a device outside any call: an error that nobody caught, or its loss. */
export class FaultWatch {
  readonly #device: GPUDevice;
  #first: EngineError | undefined;

  constructor(device: GPUDevice) {
    this.#device = device;
    device.addEventListener('uncapturederror', this.#onError);
    void device.lost.then((info) => {
      this.#first ??= deviceLost(info);
    });
  }

  /** @throws EngineError GPU_VALIDATION, OUT_OF_MEMORY or DEVICE_LOST, the first that happened */
  check(): void {
    if (this.#first) throw this.#first;
  }

  /** What caused `error`: the device's own first fault where it has one. */
  explain(error: unknown): unknown {
    return this.#first ?? error;
  }

  stop(): void {
    this.#device.removeEventListener('uncapturederror', this.#onError);
  }

  readonly #onError = ({ error }: GPUUncapturedErrorEvent): void => {
    this.#first ??= error instanceof GPUOutOfMemoryError ? ranOut(error) : refused(error);
  };
}

function ranOut({ message }: GPUError): EngineError {
  return new EngineError(
    'OUT_OF_MEMORY',
    `The GPU ran out of memory while it trained: ${message}`,
    'Use a smaller batch, or close other pages and programs that use the GPU.',
  );
}

function refused({ message }: GPUError): EngineError {
  return new EngineError(
    'GPU_VALIDATION',
    `The GPU refused an operation: ${message}`,
    'This is a bug in Halfstep; please report it with the name of your GPU.',
  );
}
