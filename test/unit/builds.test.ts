/** Builds that run at the same time: Vite empties the folder that it builds into. */
import { readFileSync } from 'node:fs';
import { relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const text = (path: string) => readFileSync(resolve(ROOT, path), 'utf8');

/** The folder that a configuration of Vite builds into; Vite's own where it names none. */
function outDir(config: string): string {
  const named = /outDir: (?:here\()?[`'"]([^`'"]+)/.exec(text(config))?.[1] ?? 'dist';
  return resolve(ROOT, config === 'bench/peers/vite.config.ts' ? 'bench/peers' : '', named);
}

const PAGE = outDir('vite.config.ts');
const OTHERS = ['vite.package.config.ts', 'vite.cli.config.ts', 'bench/peers/vite.config.ts'];

test.each(OTHERS)('the build of the page leaves that of %s alone', (config) => {
  expect(relative(PAGE, outDir(config))).toMatch(/^\.\./);
});

test('the package ships what its own build writes, and types from the same folder', () => {
  const own = relative(ROOT, outDir('vite.package.config.ts'));
  const { exports, files } = JSON.parse(text('package.json'));
  expect(files).toContain(own);
  for (const path of Object.values(exports['.']).concat(Object.values(exports['./node'])))
    expect(path).toMatch(new RegExp(`^\\./${own}/`));
  const { outDir: types } = JSON.parse(text('build/package/tsconfig.json')).compilerOptions;
  expect(resolve(ROOT, 'build/package', types)).toBe(resolve(ROOT, own, 'types'));
});

test('what builds write is neither committed, linted nor part of the sources', () => {
  for (const folder of [PAGE, ...OTHERS.map(outDir)]) {
    const [top] = relative(ROOT, folder).split('/');
    expect(text('.gitignore').split('\n')).toContain(`${top}/`);
    expect(JSON.parse(text('biome.json')).files.includes).toContain(`!${top}`);
  }
});
