import type { AdapterReport } from './device.ts';
import { deviceLost } from './faults.ts';

export interface OpenGpu {
  readonly device: GPUDevice;
  readonly report: AdapterReport;
  /** Rejects with DEVICE_LOST; never resolves. */
  readonly lost: Promise<never>;
}

/** A program's one device: opened when it is first needed, and anew after it was lost. */
export class DeviceAccess {
  readonly #request: () => Promise<Pick<OpenGpu, 'device' | 'report'>>;
  readonly #onLost: (cause: unknown) => void;
  #gpu: Promise<OpenGpu> | null = null;

  /** @param onLost called once for every device that is lost */
  constructor(
    request: () => Promise<Pick<OpenGpu, 'device' | 'report'>>,
    onLost: (cause: unknown) => void = () => {},
  ) {
    this.#request = request;
    this.#onLost = onLost;
  }

  /** @throws EngineError NO_WEBGPU, NO_ADAPTER or DEVICE_FAILED */
  open(): Promise<OpenGpu> {
    this.#gpu ??= this.#openNew().catch((cause: unknown) => {
      this.#gpu = null;
      throw cause;
    });
    return this.#gpu;
  }

  /** Gives the device back, where one is open. */
  close(): void {
    void this.#gpu?.then(({ device }) => device.destroy());
  }

  async #openNew(): Promise<OpenGpu> {
    const { device, report } = await this.#request();
    const lost = device.lost.then((info): never => {
      this.#gpu = null;
      throw deviceLost(info);
    });
    lost.catch(this.#onLost);
    return { device, report, lost };
  }
}

/** The calls that a lost device fails may be told before the loss is. */
const LOSS_IS_TOLD_WITHIN_MS = 200;

/** The device's loss, where it is lost by now or at once; null where it is not. */
export function lossOf({ lost }: OpenGpu): Promise<unknown> {
  return Promise.race([lost.catch((cause: unknown) => cause), afterTold(null)]);
}

/** Whether a failure was one of a device that is lost by now or at once. */
export function isLost(device: GPUDevice): Promise<boolean> {
  return Promise.race([device.lost.then(() => true), afterTold(false)]);
}

function afterTold<T>(value: T): Promise<T> {
  return new Promise((resolve) => setTimeout(resolve, LOSS_IS_TOLD_WITHIN_MS, value));
}
