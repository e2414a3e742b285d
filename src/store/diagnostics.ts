import { useMeasurements } from './measurementStore.ts';
import { useRun } from './runStore.ts';

/** What a report of a problem needs: JSON, without anything the visitor trained on. */
export function diagnostics(): string {
  const { status, adapter, unsupported, error } = useRun.getState();
  return JSON.stringify(
    {
      page: 'Halfstep',
      reason: unsupported?.reason ?? null,
      error: error ?? unsupported?.error ?? null,
      status,
      userAgent: navigator.userAgent,
      secureContext: isSecureContext,
      webgpu: 'gpu' in navigator,
      adapter,
      benchmark: useMeasurements.getState().benchmark,
    },
    null,
    2,
  );
}
