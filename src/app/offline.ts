/**
 * Registers the service worker, which keeps the page for visits without a connection. It waits until the page is idle,
 * because it fetches all parts.
 */
export function keepForOffline(): void {
  if (!import.meta.env.PROD) return;
  const idle = globalThis.requestIdleCallback ?? setTimeout;
  addEventListener('load', () => idle(() => void register()), { once: true });
}

async function register(): Promise<void> {
  try {
    const workers = navigator.serviceWorker as ServiceWorkerContainer | undefined;
    await workers?.register(new URL('sw.js', document.baseURI));
  } catch {
    // The page works without it: in some private windows, without https, and in sandboxed frames, which may not even ask.
  }
}
