import { DeviceAccess, EngineError, openDevice } from '../engine/index.ts';
import { errorReport } from './errorReport.ts';
import type { SessionEvent, UnsupportedReason } from './protocol.ts';

/**
 * Gives access to the worker's device. After a lost device, a NO_ADAPTER error of `open` has a hint of its own.
 * @param onLost called once for every lost device
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
 * Chromium gives no adapter to a site that lost two devices to crashes of the GPU process within two minutes, until
 * that time is over or the user reloads the page. A reload by script, `location.reload()`, does not count (tried with
 * Chromium 156).
 */
function withheld(cause: unknown): EngineError {
  return new EngineError(
    'NO_ADAPTER',
    'The browser no longer gives this page a GPU.',
    "Reload the page with the browser's button, or try again in two minutes: browsers withhold the GPU for that long from a page that lost it twice.",
    { cause },
  );
}

/**
 * The event for a failed training. After the last of several losses it also says whether the page must be reloaded
 * first.
 */
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

/**
 * Whether the browser has WebGPU but refuses it to this page, because of a blocklist, an administrator's policy or a
 * rule of the embedding page.
 */
function isRefusal(cause: unknown): boolean {
  if (!(cause instanceof EngineError) || !(cause.cause instanceof Error)) return false;
  const { name, message } = cause.cause;
  return name === 'SecurityError' || name === 'NotAllowedError' || /blocklist|disabled by/i.test(message);
}
