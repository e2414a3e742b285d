import type { Page } from 'playwright/test';
import { isSoftwareAdapter } from '../src/engine/gpu/adapterName.ts';

/** The properties of the adapter on which the page's words depend. */
export interface AdapterFacts {
  readonly isSoftware: boolean;
  readonly hasHalf: boolean;
  /** The f16 storage that the page selects. */
  readonly storage: 'native' | 'packed';
}

/** Asks the browser, not the page's own report. The page must be open. */
export async function adapterFacts(page: Page): Promise<AdapterFacts> {
  const found = await page.evaluate(async () => {
    const adapter = await navigator.gpu.requestAdapter({ powerPreference: 'high-performance' });
    if (!adapter) throw new Error('the page has no WebGPU adapter');
    const { vendor, architecture, description, isFallbackAdapter } = adapter.info;
    const hasHalf = adapter.features.has('shader-f16');
    return { info: { vendor, architecture, description, isFallbackAdapter }, hasHalf };
  });
  const isSoftware = isSoftwareAdapter(found.info);
  return { isSoftware, hasHalf: found.hasHalf, storage: found.hasHalf && !isSoftware ? 'native' : 'packed' };
}
