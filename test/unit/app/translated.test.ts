import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { fragileTexts } from '../jsxText.ts';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

function problems(body: string): string[] {
  return fragileTexts('part.tsx', `export const Part = () => (${body});`).map((found) =>
    found.replace(/^part\.tsx:\d+: /, ''),
  );
}

test.each([
  ['<p>{count} steps</p>', ['text that changes has siblings: {count}']],
  ['<p>Saved{late && " late"}.</p>', ['text that changes has siblings: {late && " late"}']],
  ['<p>{late && <b>late</b>} saved</p>', ['text stands after what comes and goes: saved']],
  ['<p><Badge /> saved</p>', ['text stands after what comes and goes: saved']],
  [
    '<dd><>of {count}</></dd>',
    ['text in a fragment has siblings: of', 'text that changes has siblings: {count}'],
  ],
  ['<p>Press <kbd>X</kbd></p>', ['without translate="no": <kbd>']],
])('is found in %s', (body, found) => {
  expect(problems(body)).toEqual(found);
});

test.each([
  '<p>{count}</p>',
  '<p>{late ? "late" : null}</p>',
  '<p><b>saved</b><span>{count}</span></p>',
  '<p>See <a href="#runs">Runs</a>.</p>',
  '<ul>{items.map((item) => <li key={item}>{item}</li>)}{more && <li>more</li>}</ul>',
  '<code translate="no">{name}</code>',
])('is not found in %s', (body) => {
  expect(problems(body)).toEqual([]);
});

test('no text that changes, or before which something is inserted, has siblings; code and keys are not translated', () => {
  const parts = readdirSync(join(ROOT, 'src/app'), { recursive: true, withFileTypes: true })
    .filter(({ name }) => name.endsWith('.tsx'))
    .map(({ parentPath, name }) => relative(ROOT, join(parentPath, name)));
  expect(parts.length).toBeGreaterThan(50);
  expect(parts.flatMap((file) => fragileTexts(file, readFileSync(join(ROOT, file), 'utf8')))).toEqual([]);
});
