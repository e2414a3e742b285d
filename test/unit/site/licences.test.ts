/** The licences of what a build ships: packages of the page's bundle and of its worker's, and what has none. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'vite';
import { afterEach, expect, test } from 'vitest';
import { LicenceCollector } from '../../../build/licences/collector.ts';
import { readPackage } from '../../../build/licences/packages.ts';
import { licencesPage } from '../../../build/licences/page.ts';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

let root = '';
afterEach(() => rmSync(root, { recursive: true, force: true }));

function folderWith(files: Record<string, string>): string {
  root = mkdtempSync(join(tmpdir(), 'halfstep-licences-'));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return root;
}

/** A package with one module and its licence. */
const ships = (name: string, code = 'export const x = () => document.title;', more = {}) => ({
  [`node_modules/${name}/package.json`]: JSON.stringify({
    name,
    version: '1.2.3',
    license: 'MIT',
    main: 'index.js',
    ...more,
  }),
  [`node_modules/${name}/index.js`]: code,
  [`node_modules/${name}/LICENSE`]: `Copyright ${name}`,
});

test('packages of the page, of those they import and of its worker are found, and no others', async () => {
  const folder = folderWith({
    'index.html': '<script type="module" src="/main.js"></script>',
    'main.js':
      "import { x } from 'direct'; import url from './worker.js?worker&url'; import { y } from 'unused'; console.log(x, url);",
    'worker.js': "import { x } from '@scope/inworker'; postMessage(x);",
    ...ships('direct', "export { x } from 'inner';"),
    ...ships('direct/node_modules/inner'),
    ...ships('@scope/inworker'),
    ...ships('unused', 'export const y = 1;', { sideEffects: false }),
    ...ships('absent'),
  });
  // The name in package.json counts, not the folder.
  writeFileSync(
    join(folder, 'node_modules/direct/node_modules/inner/package.json'),
    JSON.stringify({ name: 'inner', version: '4.5.6', license: 'ISC', main: 'index.js' }),
  );
  const licences = new LicenceCollector(ROOT);
  await build({
    configFile: false,
    logLevel: 'silent',
    root: folder,
    plugins: [licences.plugin()],
    worker: { format: 'es', plugins: () => [licences.plugin()] },
  });
  const found = licences.packages();
  expect(found.map(({ name }) => name)).toEqual(expect.arrayContaining(['@scope/inworker', 'inner']));
  expect(found.map(({ name }) => name)).not.toContain('absent');
  expect(found.find(({ name }) => name === 'inner')).toMatchObject({
    version: '4.5.6',
    licence: 'ISC',
    texts: ['Copyright direct/node_modules/inner'],
  });
});

test('a package without a licence, or without the text of one that is not MIT, fails the build', () => {
  const folder = folderWith({
    'a/package.json': '{"name":"a","version":"1.0.0"}',
    'b/package.json': '{"name":"b","version":"1.0.0","license":"ISC"}',
    'c/package.json': '{"name":"c","version":"1.0.0","license":"MIT"}',
  });
  expect(() => readPackage(join(folder, 'a'))).toThrow('a 1.0.0, whose package.json names no licence');
  expect(() => readPackage(join(folder, 'b'))).toThrow(
    'b 1.0.0, which comes without the text of its licence (ISC)',
  );
  expect(readPackage(join(folder, 'c')).texts[0]).toMatch(/the authors of c[\s\S]*WITHOUT WARRANTY/);
});

test('the page has the texts in full, as text', () => {
  const one = {
    name: '@a/b',
    version: '1.0.0',
    licence: 'MIT',
    homepage: null,
    texts: ['<b>x</b> & y', 'notice'],
  };
  const { html } = licencesPage([one], 'OWN', 'TEXTS');
  expect(html).toContain('&lt;b&gt;x&lt;/b&gt; &amp; y');
  expect(html).toMatch(/OWN[\s\S]*TEXTS[\s\S]*notice/);
  expect(html).toContain('<a href="#package--a-b">');
  expect(html).toContain('id="package--a-b"');
});
