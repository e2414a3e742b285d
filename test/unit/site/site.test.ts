/** What a build is told about its place, and what it writes from that. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { pngSize } from '../../../build/docs/pictures.ts';
import { PREVIEW, previewTags } from '../../../build/preview.ts';
import { siteOf } from '../../../build/site.ts';

const file = (path: string) => readFileSync(fileURLToPath(new URL(`../../../${path}`, import.meta.url)));

test('without settings a build knows neither its site nor its source', () => {
  expect(siteOf({}, undefined)).toEqual({ address: null, repository: null });
  expect(siteOf({ HALFSTEP_SITE: '', HALFSTEP_REPOSITORY: '' }, undefined)).toEqual({
    address: null,
    repository: null,
  });
});

test('the environment names both, and comes before package.json', () => {
  const env = { HALFSTEP_SITE: 'https://a.example/half', HALFSTEP_REPOSITORY: 'https://b.example/half/' };
  expect(siteOf(env, 'c/d')).toEqual({
    address: 'https://a.example/half/',
    repository: 'https://b.example/half',
  });
});

test.each([
  ['a/b', 'https://github.com/a/b'],
  ['github:a/b', 'https://github.com/a/b'],
  [{ type: 'git', url: 'git+https://x.example/a/b.git' }, 'https://x.example/a/b'],
  [{ url: 'git+ssh://git@x.example/a/b.git' }, 'https://x.example/a/b'],
  ['git@x.example:a/b.git', 'https://x.example/a/b'],
  ['git://x.example/a/b.git', 'https://x.example/a/b'],
])('package.json names a repository as %j', (field, repository) => {
  expect(siteOf({}, field).repository).toBe(repository);
});

test.each(['example.org', 'javascript:alert(1)', '/half/', 'https://a.example/?x=1'])(
  '%s is refused as an address',
  (address) => {
    expect(() => siteOf({ HALFSTEP_SITE: address }, undefined)).toThrow(`HALFSTEP_SITE is "${address}"`);
  },
);

test('a preview has whole addresses where the site’s is known, else the picture’s from the page', () => {
  const page = { title: 'T', summary: 'S', path: 'docs/a.html', root: '../' };
  const tags = (address: string | null) =>
    Object.fromEntries(
      previewTags(page, { address, repository: null }).map(({ attrs }) => [
        attrs.property ?? attrs.name ?? attrs.rel,
        attrs.content ?? attrs.href,
      ]),
    );
  expect(tags('https://a.example/half/')).toMatchObject({
    'og:title': 'T',
    'og:description': 'S',
    'og:image': 'https://a.example/half/preview.png',
    'og:url': 'https://a.example/half/docs/a.html',
    canonical: 'https://a.example/half/docs/a.html',
    'twitter:card': 'summary_large_image',
  });
  expect(tags(null)['og:image']).toBe('../preview.png');
  expect(tags(null)).not.toHaveProperty('og:url');
});

test('the preview’s picture has its size, and is small', () => {
  const picture = file(`public/${PREVIEW.file}`);
  expect(pngSize(picture)).toEqual({ width: PREVIEW.width, height: PREVIEW.height });
  expect(picture.length).toBeLessThan(60_000);
});

test('the manifest names icons that exist, in their sizes, and addresses that work in any folder', () => {
  const manifest = JSON.parse(file('public/manifest.webmanifest').toString());
  for (const { src, sizes, type } of manifest.icons) {
    const content = file(`public/${src}`);
    if (type === 'image/svg+xml') continue;
    const { width, height } = pngSize(content);
    expect(`${width}x${height}`, src).toBe(sizes);
    expect(content.length, src).toBeLessThan(20_000);
  }
  expect([manifest.id, manifest.start_url, manifest.scope]).toEqual(['./', './', './']);
});

test('the workflow installs what is locked, builds the site, and publishes what was built', () => {
  const workflow = file('.github/workflows/pages.yml').toString();
  const steps = [...workflow.matchAll(/^ +- (?:uses|run|id): (.*)|^ +uses: (.*)/gm)].map(
    ([, a, b]) => a ?? b,
  );
  expect(steps.map((step) => step!.replace(/@v\d+$/, ''))).toEqual([
    'actions/checkout',
    'actions/setup-node',
    'pages',
    'actions/configure-pages',
    'npm ci',
    'npm run build',
    'actions/upload-pages-artifact',
    'deployment',
    'actions/deploy-pages',
  ]);
  expect(workflow).toMatch(/path: dist$/m);
  expect(workflow).toMatch(/pages: write\n +id-token: write/);
  expect(workflow).toMatch(/HALFSTEP_SITE: \$\{\{ steps\.pages\.outputs\.base_url \}\}$/m);
});
