/** docs/dependencies.md lists every package with its actual version, licence and required Node version. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const file = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
const json = (path: string) => JSON.parse(file(path));

interface Row {
  readonly name: string;
  readonly line: string;
  readonly licence: string;
  readonly engines: string;
}

/** The rows of the tables whose second column is a version. A row may list several packages. */
function rows(): Row[] {
  const [own] = file('docs/dependencies.md').split('\n## Own code');
  return own!.split('\n').flatMap((line) => {
    const [, names = '', version = '', licence = '', engines = ''] = line
      .split('|')
      .map((cell) => cell.trim());
    return [...names.matchAll(/`([^`]+)`/g)].map(([, name]) => ({
      ...{ name: name!, line: version, licence, engines },
    }));
  });
}

test('every package has a row, and every row a package', () => {
  const { dependencies, devDependencies, peerDependencies, workspaces } = json('package.json');
  const optional = workspaces.map((folder: string) => json(`${folder}/package.json`).optionalDependencies);
  const packages = Object.assign({}, dependencies, devDependencies, peerDependencies, ...optional);
  expect(
    rows()
      .map(({ name }) => name)
      .sort(),
  ).toEqual(Object.keys(packages).sort());
});

test.each(rows())('$name: $line, $licence, $engines', ({ name, line, licence, engines }) => {
  const { version, license, engines: asked } = json(`node_modules/${name}/package.json`);
  if (line !== 'as the packages') expect(`${version}.`.startsWith(`${line}.`)).toBe(true);
  expect(licence).toBe(license.replace(' OR ', ' or '));
  expect(engines).toBe(enginesWords(asked?.node));
});

test('the software driver of 67 MB may fail to be downloaded, and nobody who installs the package gets it', () => {
  const name = '@sparticuz/chromium';
  const { packages } = json('package-lock.json');
  expect(packages[`node_modules/${name}`]).toMatchObject({ optional: true });
  // What only it needs fails with it; its other dependencies are those of this project.
  expect(packages['node_modules/follow-redirects']).toMatchObject({ optional: true });
  for (const [field, list] of Object.entries<object>(packages['']))
    if (/dependencies$/i.test(field)) expect(Object.keys(list), field).not.toContain(name);
});

/** Formats "^20.0.0 || >=24.0.0" as "^20 or >= 24", and ranges that every Node satisfies as "any". */
function enginesWords(range: string | undefined): string {
  if (!range || /^>=0\./.test(range)) return 'any';
  const parts = range.split(/\s*\|\|\s*/).map((part) => part.replace(/(\.0)+$/, '').replace(/>=\s*/, '>= '));
  const minor = parts.map((part) => part.replace(/^(\D*\d+\.[1-9]\d*)\.\d+$/, '$1'));
  return [minor.slice(0, -1).join(', '), ...minor.slice(-1)].filter((part) => part).join(' or ');
}
