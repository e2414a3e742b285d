/** Writes the service worker, once all other files of the site are written. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Plugin } from 'vite';
import { serviceWorkerSource, siteFiles } from './files.ts';

const TEMPLATE = fileURLToPath(new URL('serviceWorker.js', import.meta.url));

export const SERVICE_WORKER = 'sw.js';

export function offlinePlugin(): Plugin {
  let folder = '';
  return {
    name: 'halfstep-offline',
    apply: 'build',
    configResolved({ root, build }) {
      folder = join(root, build.outDir);
    },
    // Files of public/ are copied without passing through the bundle, so this reads what was written.
    closeBundle: {
      order: 'post',
      sequential: true,
      handler(error?: Error) {
        if (!error) writeServiceWorker(folder);
      },
    },
  };
}

/** Writes the service worker of the site that is in `folder`. */
export function writeServiceWorker(folder: string): void {
  const files = new Map<string, Uint8Array>();
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const file = join(entry.parentPath, entry.name);
    files.set(relative(folder, file).replaceAll('\\', '/'), readFileSync(file));
  }
  const source = serviceWorkerSource(readFileSync(TEMPLATE, 'utf8'), siteFiles(files));
  writeFileSync(join(folder, SERVICE_WORKER), source);
}
