/** What the service worker is told about the files of a build. */
import { createHash } from 'node:crypto';

export interface SiteFile {
  /** From the root of the site. */
  readonly path: string;
  /** The hash that browsers check, as in an attribute `integrity`. */
  readonly integrity: string;
  /** Whether the name contains a hash of the content, so that the content of the address never changes. */
  readonly hashed: boolean;
  /** Whether it is kept on every visit; the others are kept once they were used. */
  readonly always: boolean;
}

/** Parts that few visits need, which are kept once they were used: GPT-2's vocabulary, and what the documentation needs. */
const SELDOM = /^assets\/(r50k_base|docs)-/;

const NEVER = [
  // Read by the browser only when the page is installed, or by other sites.
  'preview.png',
  'sw.js',
];

/** @param files path and content of all files of the site */
export function siteFiles(files: ReadonlyMap<string, Uint8Array>): SiteFile[] {
  return [...files]
    .filter(([path]) => !NEVER.includes(path) && !/\.(map|gz|br)$/.test(path))
    .map(([path, content]) => ({
      path,
      integrity: `sha256-${createHash('sha256').update(content).digest('base64')}`,
      hashed: path.startsWith('assets/'),
      always: isAlways(path),
    }))
    .sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** The page with all its parts; not its texts, the documentation, or what a cluster gets. */
function isAlways(path: string): boolean {
  if (path.startsWith('assets/')) return !SELDOM.test(path);
  return !path.includes('/') && !path.endsWith('.py');
}

/** The whole service worker. @param template the text of serviceWorker.js */
export function serviceWorkerSource(template: string, files: readonly SiteFile[]): string {
  const version = createHash('sha256')
    .update(JSON.stringify(files) + template)
    .digest('hex')
    .slice(0, 16);
  return `const VERSION = '${version}';\nconst FILES = ${JSON.stringify(files)};\n${template}`;
}
