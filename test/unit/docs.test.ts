import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** Repository paths that a document mentions in backquotes. */
function pathsIn(text: string): string[] {
  const quoted = [...text.matchAll(/`((?:src|shaders|test|e2e|scripts|bench|build|examples)\/[\w./-]*)`/g)];
  // NAME is a placeholder.
  return quoted.map(([, path]) => path!).filter((path) => !path.includes('NAME'));
}

/** Engine paths that a diagram mentions. */
function enginePathsIn(text: string): string[] {
  const pictures = [...text.matchAll(/```\n(.*?)```/gs)].map(([, picture]) => picture!);
  const paths = pictures.flatMap((picture) => [...picture.matchAll(/(?<![\w/])([a-z]+\/(?:\w+\.ts)?)/g)]);
  return paths.map(([, path]) => path!);
}

const DOCS = readdirSync(join(ROOT, 'docs')).filter((name) => /\.md$/.test(name));

test.each(['README.md', ...DOCS.map((name) => `docs/${name}`)])('paths that %s names exist', (file) => {
  const missing = pathsIn(readFileSync(join(ROOT, file), 'utf8')).filter(
    (path) => !existsSync(join(ROOT, path)),
  );
  expect(missing).toEqual([]);
});

test('the diagram of the architecture names existing paths', () => {
  const paths = enginePathsIn(readFileSync(join(ROOT, 'docs/architecture.md'), 'utf8')).filter(
    (path) => path !== 'shaders/',
  );
  expect(paths).toContain('model/decoder.ts');
  const missing = paths.filter(
    (path) => !existsSync(join(ROOT, 'src/engine', path)) && !existsSync(join(ROOT, path)),
  );
  expect(missing).toEqual([]);
});
