/** What the plugins of the site write beside a page: documentation, licences, service worker, tags for previews. */
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, createServer } from 'vite';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { contentPolicyPlugin } from '../../../build/contentPolicy.ts';
import { docsPlugin } from '../../../build/docs/plugin.ts';
import { LicenceCollector } from '../../../build/licences/collector.ts';
import type { SiteFile } from '../../../build/offline/files.ts';
import { offlinePlugin } from '../../../build/offline/plugin.ts';
import { previewPlugin } from '../../../build/preview.ts';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const SITE = { address: 'https://example.org/half/', repository: null };

let root = '';
const written = (path: string) => readFileSync(join(root, 'dist', path), 'utf8');

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'halfstep-site-'));
  mkdirSync(join(root, 'public'));
  writeFileSync(join(root, 'public/preview.png'), '');
  writeFileSync(join(root, 'public/favicon.svg'), '<svg xmlns="http://www.w3.org/2000/svg"/>');
  writeFileSync(
    join(root, 'index.html'),
    '<!doctype html><head><meta name="description" content="Said &quot;so&quot;"><title>Page</title></head><script type="module" src="/main.js"></script>',
  );
  writeFileSync(join(root, 'main.js'), 'console.log(1);');
  const licences = new LicenceCollector(ROOT);
  await build({
    ...{ configFile: false, logLevel: 'silent', root, base: './' },
    plugins: [
      contentPolicyPlugin(),
      previewPlugin(SITE),
      licences.plugin(),
      docsPlugin(SITE, () => ({ licences: licences.page() })),
      offlinePlugin(),
    ],
  });
});
afterAll(() => rmSync(root, { recursive: true }));

test('the documentation is written with its style, script, pictures and licences', () => {
  const pages = readdirSync(join(root, 'dist/docs'));
  expect(pages).toEqual(
    expect.arrayContaining(['index.html', 'how-it-works.html', 'licences.html', 'story.png']),
  );
  const html = written('docs/how-it-works.html');
  const files = [...html.matchAll(/(?:href|src)="(\.\.\/[^"]+\.(?:css|js|svg))"/g)].map(([, path]) => path!);
  expect(files).toHaveLength(3);
  for (const path of files.filter((one) => one.includes('assets')))
    expect(existsSync(join(root, 'dist/docs', path)), path).toBe(true);
  expect(html.match(/<svg [^>]*role="img" aria-label="[^"]{40}/g)).toHaveLength(3);
  expect(written('docs/licences.html')).toContain('ODC-PDDL');
});

test('the head of the page has the tags of a preview, with its own description, and nothing inline', () => {
  const html = written('index.html');
  expect(html).toContain('<meta property="og:image" content="https://example.org/half/preview.png">');
  expect(html).toContain('<meta property="og:description" content="Said &quot;so&quot;">');
  expect(html.match(/name="description"/g)).toHaveLength(1);
});

test('the service worker lists every file with its hash, and keeps the page’s own', () => {
  const source = written('sw.js');
  const files: SiteFile[] = JSON.parse(/const FILES = (.*);\n/.exec(source)![1]!);
  const all = readdirSync(join(root, 'dist'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(join(root, 'dist').length + 1))
    .filter((path) => !['sw.js', 'preview.png'].includes(path));
  expect(files.map(({ path }) => path).sort()).toEqual(all.sort());
  for (const { path, integrity } of files) {
    const hash = createHash('sha256')
      .update(readFileSync(join(root, 'dist', path)))
      .digest('base64');
    expect(integrity, path).toBe(`sha256-${hash}`);
  }
  const always = files.filter((file) => file.always).map(({ path }) => path.replace(/-[^.]*\./, '.'));
  expect(always.sort()).toEqual(['assets/index.js', 'favicon.svg', 'index.html']);
});

test('the dev server has the documentation too', async () => {
  const server = await createServer({
    ...{ configFile: false, logLevel: 'silent', root, server: { port: 0 } },
    plugins: [docsPlugin(SITE, () => ({}))],
  });
  try {
    await server.listen();
    const [address] = server.resolvedUrls!.local;
    expect(await (await fetch(`${address}docs/`)).text()).toContain('<title>Halfstep: documentation');
    expect(await (await fetch(`${address}docs/docs.css`)).text()).toContain('--accent');
  } finally {
    await server.close();
  }
});
