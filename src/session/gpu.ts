import { EngineError } from '../engine/errors.ts';
import { deviceLost, openDevice } from '../engine/index.ts';
import { errorReport } from './errorReport.ts';
import type { AdapterReport, UnsupportedReason } from './protocol.ts';

export interface OpenGpu {
  readonly device: GPUDevice;
  readonly report: AdapterReport;
  /** Rejects with DEVICE_LOST; never resolves. */
  readonly lost: Promise<never>;
}

/** The worker's device: opened when it is first needed, and anew after it was lost. */
export class GpuAccess {
  readonly #onLost: (cause: unknown) => void;
  #gpu: Promise<OpenGpu> | null = null;

  /** @param onLost called once for every device that is lost */
  constructor(onLost: (cause: unknown) => void) {
    this.#onLost = onLost;
  }

  /** @throws EngineError NO_WEBGPU, NO_ADAPTER or DEVICE_FAILED */
  open(): Promise<OpenGpu> {
    this.#gpu ??= this.#request().catch((cause: unknown) => {
      this.#gpu = null;
      throw cause;
    });
    return this.#gpu;
  }

  async #request(): Promise<OpenGpu> {
    const gpu = navigator.gpu as GPU | undefined;
    if (!gpu) {
      throw new EngineError(
        'NO_WEBGPU',
        'This browser offers WebGPU to pages but not to workers.',
        'Update the browser: training runs in a worker so that the page stays responsive.',
      );
    }
    const { device, report } = await openDevice(gpu);
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

export function isLost(gpu: OpenGpu): Promise<boolean> {
  return Promise.race([
    gpu.lost.catch(() => true),
    new Promise<boolean>((resolve) => setTimeout(resolve, LOSS_IS_TOLD_WITHIN_MS, false)),
  ]);
}

export function unsupportedReason(cause: unknown): UnsupportedReason {
  if (isRefusal(cause)) return 'blockedByPolicy';
  const { code } = errorReport(cause);
  if (code === 'NO_WEBGPU') return 'noNavigatorGpu';
  if (code === 'NO_ADAPTER') return 'noAdapter';
  if (code === 'LIMIT_EXCEEDED') return 'limitsTooLow';
  return 'deviceRequestFailed';
}

/** The browser has WebGPU and will not let this page use it: a blocklist, an administrator's or an embedding page's rule. */
function isRefusal(cause: unknown): boolean {
  if (!(cause instanceof EngineError) || !(cause.cause instanceof Error)) return false;
  const { name, message } = cause.cause;
  return name === 'SecurityError' || name === 'NotAllowedError' || /blocklist|disabled by/i.test(message);
}
