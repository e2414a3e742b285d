import { DeviceAccess } from '../engine/deviceAccess.ts';
import { EngineError } from '../engine/errors.ts';
import { openDevice } from '../engine/index.ts';
import { errorReport } from './errorReport.ts';
import type { UnsupportedReason } from './protocol.ts';

/** The worker's device. @param onLost called once for every device that is lost */
export function workerGpu(onLost: (cause: unknown) => void): DeviceAccess {
  const request = async () => {
    const gpu = navigator.gpu as GPU | undefined;
    if (!gpu) {
      throw new EngineError(
        'NO_WEBGPU',
        'This browser offers WebGPU to pages but not to workers.',
        'Update the browser: training runs in a worker so that the page stays responsive.',
      );
    }
    return openDevice(gpu);
  };
  return new DeviceAccess(request, onLost);
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
