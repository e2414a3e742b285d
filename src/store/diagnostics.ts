import { useMeasurements } from './measurementStore.ts';
import { useRun } from './runStore.ts';

/** What the adapter offers to this page. */
export interface AdapterOffer {
  readonly features: readonly string[];
  readonly limits: Readonly<Record<string, number>>;
}

/** Asked for by the page itself: the worker has none to tell of where it could not open a device. Null without one. */
export async function adapterOffer(): Promise<AdapterOffer | null> {
  try {
    const adapter = await navigator.gpu?.requestAdapter();
    if (!adapter) return null;
    const limits: Record<string, number> = {};
    for (const name in adapter.limits) {
      const value = adapter.limits[name as keyof GPUSupportedLimits];
      if (typeof value === 'number') limits[name] = value;
    }
    return { features: [...adapter.features].sort(), limits };
  } catch {
    return null; // why is told by the reason and the error
  }
}

/** What a report of a problem needs: JSON, without anything the visitor trained on. */
export function diagnostics(offer: AdapterOffer | null = null): string {
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
      adapter: adapter ?? offer,
      benchmark: useMeasurements.getState().benchmark,
    },
    null,
    2,
  );
}
