import { EngineError } from '../core/errors.ts';

export function deviceLost(info: GPUDeviceLostInfo): EngineError {
  return new EngineError(
    'DEVICE_LOST',
    `The GPU was removed or reset${info.message ? `: ${info.message}` : '.'}`,
    'Start training again. If it happens again, choose a smaller preset.',
  );
}

/** Records the first fault of a device that no call reports: an uncaptured error, or its loss. */
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

  /** Returns the cause of `error`: the first fault of the device if there was one, else `error` itself. */
  explain(error: unknown): unknown {
    return this.#first ?? error;
  }

  stop(): void {
    this.#device.removeEventListener('uncapturederror', this.#onError);
  }

  readonly #onError = ({ error }: GPUUncapturedErrorEvent): void => {
    this.#first ??= error instanceof GPUOutOfMemoryError ? outOfMemory(error) : invalid(error);
  };
}

function outOfMemory({ message }: GPUError): EngineError {
  return new EngineError(
    'OUT_OF_MEMORY',
    `The GPU ran out of memory during training: ${message}`,
    'Use a smaller batch, or close other pages and programs that use the GPU.',
  );
}

function invalid({ message }: GPUError): EngineError {
  return new EngineError(
    'GPU_VALIDATION',
    `The GPU reported an invalid operation: ${message}`,
    'This is a bug in Halfstep; please report it with the name of your GPU.',
  );
}
