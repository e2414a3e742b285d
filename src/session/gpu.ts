import { DeviceAccess, EngineError, openDevice } from '../engine/index.ts';
import { errorReport } from './errorReport.ts';
import type { SessionEvent, UnsupportedReason } from './protocol.ts';

/**
 * The worker's device. Its `open` fails with NO_ADAPTER and another hint where a device was lost before.
 * @param onLost called once for every device that is lost
 */
export function workerGpu(onLost: (cause: unknown) => void): DeviceAccess {
  let wasLost = false;
  const request = async () => {
    const gpu = navigator.gpu as GPU | undefined;
    if (!gpu) {
      throw new EngineError(
        'NO_WEBGPU',
        'This browser offers WebGPU to pages but not to workers.',
        'Update the browser: training runs in a worker so that the page stays responsive.',
      );
    }
    try {
      return await openDevice(gpu);
    } catch (cause) {
      throw wasLost && errorReport(cause).code === 'NO_ADAPTER' ? withheld(cause) : cause;
    }
  };
  return new DeviceAccess(request, (cause) => {
    wasLost = true;
    onLost(cause);
  });
}

/**
 * Chromium gives no adapter to a site that lost two devices by crashes of the GPU's process within two minutes: until these
 * are over, or the user reloads it. A reload by a script, `location.reload()`, does not count (tried with Chromium 156).
 */
function withheld(cause: unknown): EngineError {
  return new EngineError(
    'NO_ADAPTER',
    'The browser no longer gives this page a GPU.',
    'Reload it with the button of the browser, or try again in two minutes: so long browsers keep the GPU from a page that lost it twice.',
    { cause },
  );
}

/** How a training ended that failed: after a last loss it is told whether the page must be reloaded before another. */
export async function endedBy(cause: unknown, gpu: DeviceAccess): Promise<SessionEvent> {
  const error = errorReport(cause);
  if (error.code === 'NO_ADAPTER') return { type: 'lost', error };
  if (error.code !== 'DEVICE_LOST') return { type: 'failed', error };
  const refused = await gpu.open().then(() => null, errorReport);
  if (refused?.code !== 'NO_ADAPTER') return { type: 'lost', error };
  const message = `${error.message} ${refused.message}`;
  return { type: 'lost', error: { ...refused, message, hint: `${error.hint} ${refused.hint}` } };
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
