/** What the guide says of the examples is what they are. test/package runs them. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');

test('the fifteen lines of the guide are fifteen, and are the example', () => {
  const code = read('examples/train.mjs').replace(/^\/\/.*\n/, '');
  expect(code.split('\n').filter((line) => line !== '').length).toBe(15);
  expect(read('docs/package.md')).toContain(`\`\`\`js\n${code}\`\`\``);
});

test('every example is in the guide, and the guide names no other', () => {
  const named = [...read('docs/package.md').matchAll(/\(\.\.\/examples\/([^)]+)\)/g)].map(([, name]) => name);
  expect([...new Set(named)].sort()).toEqual(readdirSync(join(ROOT, 'examples')).sort());
});

test('the import map of the page names the files that the packages export', () => {
  const [, map] = /<script type="importmap">(.*?)<\/script>/s.exec(read('examples/page.html'))!;
  const exported = (name: string, entry: string, field: 'default' | 'import') => {
    const { exports } = JSON.parse(
      read(name === 'halfstep' ? 'package.json' : `node_modules/${name}/package.json`),
    );
    return exports[entry][field].replace(/^\./, `./node_modules/${name}`);
  };
  expect(JSON.parse(map!).imports).toEqual({
    halfstep: exported('halfstep', '.', 'default'),
    'wesl/core': exported('wesl', './core', 'import'),
  });
});
