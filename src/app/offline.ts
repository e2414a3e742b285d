/**
 * Registers the service worker, which keeps the page for visits without a connection. It waits until the page is idle,
 * because it fetches all parts. The page works without it where it is not available: in some private windows, and
 * without https.
 */
export function keepForOffline(): void {
  const workers = navigator.serviceWorker as ServiceWorkerContainer | undefined;
  if (!import.meta.env.PROD || !workers) return;
  const register = () => workers.register(new URL('sw.js', document.baseURI)).catch(() => {});
  addEventListener('load', () => (globalThis.requestIdleCallback ?? setTimeout)(register), { once: true });
}
