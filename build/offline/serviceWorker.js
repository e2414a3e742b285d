/**
 * Keeps the site, so that it opens without a connection. The build writes `FILES`, `VERSION` before this text.
 *
 * Files whose names contain a hash of their content come from the cache if it has them. All others come from the server,
 * and from the cache only if the server does not answer: with a connection, the page is the one that it would be
 * without this worker. The cache of a version has been filled with files of that version alone (their hashes are
 * checked), so that without a connection no page meets chunks of another version.
 */
/* global FILES, VERSION, self, caches */
const OWN = `halfstep ${self.registration.scope} `;
const CACHE = OWN + VERSION;
const addressOf = (path) => new URL(path, self.registration.scope).href;
/** The folder of files whose names contain a hash of their content: also those of other versions. */
const HASHED = addressOf('assets/');
const byAddress = new Map(FILES.map((file) => [addressOf(file.path), file]));

self.addEventListener('install', (event) => event.waitUntil(install()));
self.addEventListener('activate', (event) => event.waitUntil(activate()));
self.addEventListener('fetch', (event) => {
  const address = withoutQuery(event.request.url);
  if (event.request.method !== 'GET' || event.request.headers.has('range')) return;
  const file = byAddress.get(address) ?? byAddress.get(`${address}index.html`);
  if (address.startsWith(HASHED)) event.respondWith(cacheFirst(event.request));
  else if (file) event.respondWith(serverFirst(event.request, file));
});

/** Fetches what every visit needs, and what the version before had kept because it was used. */
async function install() {
  const before = await keptBefore();
  const cache = await caches.open(CACHE);
  try {
    for (const file of FILES) {
      const address = addressOf(file.path);
      const kept = before.get(address);
      if (file.always || kept) await cache.put(address, (file.hashed && kept) || (await fetchChecked(file)));
    }
  } catch (error) {
    await caches.delete(CACHE);
    throw error;
  }
  await self.skipWaiting();
}

/** The responses that older versions have kept, by address. */
async function keptBefore() {
  const found = new Map();
  for (const name of await ownCaches()) {
    if (name === CACHE) continue;
    const cache = await caches.open(name);
    for (const request of await cache.keys()) found.set(request.url, await cache.match(request));
  }
  return found;
}

/** @throws TypeError if the server has another version of the file, as in the middle of a deployment */
async function fetchChecked({ path, integrity }) {
  const response = await fetch(addressOf(path), { cache: 'no-cache', integrity });
  if (response.status !== 200) throw new TypeError(`${path}: HTTP ${response.status}`);
  // Some servers redirect index.html to its folder, and browsers refuse such an answer as a page.
  return response.redirected ? new Response(response.body, { headers: response.headers }) : response;
}

/** Keeps the version before this one too: pages of it that are open may still load their parts. */
async function activate() {
  const others = (await ownCaches()).filter((name) => name !== CACHE);
  for (const name of others.slice(0, -1)) await caches.delete(name);
  // What the first visit loads from here on is kept too.
  await self.clients.claim();
}

async function ownCaches() {
  return (await caches.keys()).filter((name) => name.startsWith(OWN));
}

/** For files whose content never changes, of this version or the one before. */
async function cacheFirst(request) {
  const kept = await caches.match(withoutQuery(request.url), { ignoreVary: true });
  return kept ?? keep(request, await fetch(request));
}

async function serverFirst(request, file) {
  try {
    const response = await fetch(request);
    return file.always ? response : keep(request, response);
  } catch (error) {
    const cache = await caches.open(CACHE);
    const kept = await cache.match(addressOf(file.path), { ignoreVary: true });
    if (kept) return kept;
    throw error;
  }
}

/** Keeps what a visit used, if it is a file of this version. */
async function keep(request, response) {
  const address = withoutQuery(request.url);
  const file = byAddress.get(address) ?? byAddress.get(`${address}index.html`);
  if (!file || response.status !== 200 || response.type !== 'basic') return response;
  const bytes = await response.clone().arrayBuffer();
  if ((await integrityOf(bytes)) === file.integrity) {
    const cache = await caches.open(CACHE);
    // A full disk costs only the copy.
    await cache.put(addressOf(file.path), new Response(bytes, response)).catch(() => {});
  }
  return response;
}

async function integrityOf(bytes) {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
  return `sha256-${btoa(String.fromCharCode(...digest))}`;
}

function withoutQuery(url) {
  const address = new URL(url);
  address.search = '';
  address.hash = '';
  return address.href;
}
