import { useMeasurements } from './measurementStore.ts';
import { useRun } from './runStore.ts';

/** Features and limits that the adapter offers to this page. */
export interface AdapterOffer {
  readonly features: readonly string[];
  readonly limits: Readonly<Record<string, number>>;
}

/**
 * Requested by the page itself, because a worker that could not open a device reports none. Null without an adapter.
 */
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
    return null; // `reason` and `error` already say why
  }
}

/** The contents of a problem report, as JSON, without anything the visitor trained on. */
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
      benchmark: useMeasurements.getState().benchmark.result,
    },
    null,
    2,
  );
}
