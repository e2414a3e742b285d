import type { AdapterReport } from './device.ts';
import { deviceLost } from './faults.ts';

export interface OpenGpu {
  readonly device: GPUDevice;
  readonly report: AdapterReport;
  /** Rejects with DEVICE_LOST; never resolves. */
  readonly lost: Promise<never>;
}

/** Manages a program's single device. It opens the device when it is first needed, and reopens it after a loss. */
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

  /** Destroys the device if one is open. */
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

/** Time within which a loss is reported. The calls that fail because of it may be reported first. */
const LOSS_REPORT_MS = 200;

/** Returns the error of the device's loss if it is lost now or within {@link LOSS_REPORT_MS}, else null. */
export function lossOf({ lost }: OpenGpu): Promise<unknown> {
  return Promise.race([lost.catch((cause: unknown) => cause), afterReportTime(null)]);
}

/** Whether the device is lost now or within {@link LOSS_REPORT_MS}. */
export function isLost(device: GPUDevice): Promise<boolean> {
  return Promise.race([device.lost.then(() => true), afterReportTime(false)]);
}

function afterReportTime<T>(value: T): Promise<T> {
  return new Promise((resolve) => setTimeout(resolve, LOSS_REPORT_MS, value));
}
