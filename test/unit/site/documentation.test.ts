/** The pages of the documentation: links, anchors, pictures, and what a hostile document cannot do. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, test } from 'vitest';
import { collectDocumentation } from '../../../build/docs/collect.ts';
import { anchorsOf, renderMarkdown } from '../../../build/docs/markdown.ts';
import { renderPage } from '../../../build/docs/template.ts';
import type { Site } from '../../../build/site.ts';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const NOWHERE: Site = { address: null, repository: null };
const ONLINE: Site = { address: 'https://example.org/half/', repository: 'https://example.org/source' };

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

/** A repository with these files, besides a README. */
function repository(files: Record<string, string>): string {
  const root = mkdtempSync(join(tmpdir(), 'halfstep-docs-'));
  folders.push(root);
  for (const [path, text] of Object.entries({
    'README.md': '# Readme\n',
    'CHANGELOG.md': '# Changes\n',
    ...files,
  })) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return root;
}

const page = (root: string, name: string, site = NOWHERE) => {
  const { pages, faults } = collectDocumentation(root, site, {});
  return { html: pages.find((one) => one.page.name === name)!.html, faults };
};

const plain = { link: (href: string) => ({ address: href }), picture: () => '' };

test.each([NOWHERE, ONLINE])('no link of the documentation leads nowhere (%j)', (site) => {
  const { pages, faults } = collectDocumentation(ROOT, site, {});
  expect(faults).toEqual([]);
  const names = pages.map(({ page: { name } }) => name);
  expect(new Set(names).size).toBe(names.length);
  expect(names).toEqual(expect.arrayContaining(['index', 'how-it-works', 'measurements', 'licences']));
});

test('a link to a missing file, heading or picture, or to anything but the web, is a fault', () => {
  const root = repository({
    'docs/a.md':
      '# A\n[1](b.md) [2](missing.md) [3](b.md#here) [4](b.md#gone) [5](#a) [6](#gone) [7](javascript:alert(1)) [8](../../x.md)\n\n![p](p.png)',
    'docs/b.md': '# B\n## Here\n',
  });
  const { html, faults } = page(root, 'a');
  expect(faults.map((fault) => fault.replace('docs/a.md ', ''))).toEqual([
    'links to missing.md: there is no such file',
    'links to b.md#gone: the page has no such heading',
    'links to #gone: the page has no such heading',
    'links to javascript:alert(1): only https, http and relative addresses are links',
    'links to ../../x.md: there is no such file',
    'shows p.png: there is no such picture',
  ]);
  expect([...html.matchAll(/href="([^"]*)"/g)].map(([, href]) => href)).toEqual([
    'b.html',
    'b.html#here',
    '#a',
  ]);
});

test('files that only the repository has are links if the build knows where it is, else text', () => {
  const files = {
    'docs/a.md': '# A\n[run](../examples/run.mjs), [all](../examples), [readme](../README.md#readme)',
    'examples/run.mjs': '',
  };
  const links = (site: Site) =>
    [...page(repository(files), 'a', site).html.matchAll(/<a href="([^"]*)">(\w+)/g)].map(([, href]) => href);
  expect(links(NOWHERE)).toEqual(['index.html#readme']);
  expect(links(ONLINE)).toEqual([
    'https://example.org/source/blob/HEAD/examples/run.mjs',
    'https://example.org/source/tree/HEAD/examples',
    'index.html#readme',
  ]);
});

test('a link whose words are a file’s name has the title of the page', () => {
  const files = { 'docs/a.md': '# A\n[b.md](b.md#x), [this](b.md)', 'docs/b.md': '# About B\n## X' };
  const { html } = page(repository(files), 'a');
  expect(html).toContain('<a href="b.html#x">About B</a>, <a href="b.html">this</a>');
});

test('a document that no group lists gets a page too', () => {
  const { pages } = collectDocumentation(repository({ 'docs/new.md': '# New things' }), NOWHERE, {});
  expect(pages.map((one) => one.page)).toContainEqual({ name: 'new', group: 'More', title: 'New things' });
});

test('HTML in a document is shown as text', () => {
  const { html, headings } = renderMarkdown(
    '# <img src=x onerror=alert(1)>\n\n<script>1</script> `<b>`\n',
    plain,
  );
  expect(html).not.toMatch(/<script|<img|<b>/);
  expect(headings[0]!.html).not.toContain('<img');
});

test('anchors are those of GitHub, also of headings that occur twice', () => {
  const source = '# A `norm` that multiplies by 1 + gain\n## Two\n## Two\n## [Link](x.md), and more\n';
  const ids = [...renderMarkdown(source, plain).html.matchAll(/ id="([^"]*)"/g)].map(([, id]) => id);
  expect(ids).toEqual(['a-norm-that-multiplies-by-1--gain', 'two', 'two-1', 'link-and-more']);
  expect([...anchorsOf(source)]).toEqual(ids);
});

test('columns of numbers are aligned as numbers, and a table without heads has none', () => {
  const { html } = renderMarkdown('| | |\n| --- | --- |\n| runs, `x` | 1,234 |\n| share | 5.5 % |\n', plain);
  expect(html).not.toContain('<thead>');
  expect(html).toContain('<td class="number">1,234</td>');
  expect(html).toContain('<td>share</td>');
  const headed = renderMarkdown('| | loss |\n| --- | --- |\n| a | 2^-24 |\n', plain).html;
  expect(headed).toContain('<thead><tr><td></td><th scope="col">loss</th></tr>');
  expect(headed).toContain('2<sup>−24</sup>');
  expect(renderMarkdown('On 2026-11-30, `2^8`.', plain).html).toContain(
    'On <time>2026-11-30</time>, <code>2^8',
  );
});

test('every page has its neighbours, its place in the list, and addresses that fit its folder', () => {
  const { pages } = collectDocumentation(ROOT, ONLINE, {});
  const listed = pages.map((one) => one.page);
  const files = { style: '../assets/s.css', script: '../assets/s.js' };
  for (const [i, content] of pages.entries()) {
    const html = renderPage(content, listed, files, ONLINE);
    const { name } = content.page;
    expect(html.match(/aria-current="page"/g), name).toHaveLength(1);
    expect(html.includes('rel="prev"'), name).toBe(i > 0);
    expect(html.includes('rel="next"'), name).toBe(i < pages.length - 1);
    expect(html, name).toContain(`content="https://example.org/half/docs/${name}.html"`);
    expect(html, name).not.toMatch(/(?:href|src)="\/|<style|\sstyle=|\son\w+=/);
    const local = [...html.matchAll(/href="([\w-]+)\.html/g)].map(([, other]) => other);
    expect(local.filter((other) => !listed.some((one) => one.name === other))).toEqual([]);
  }
});

test('the overview has the parts of the README that concern its readers', () => {
  const { html } = page(ROOT, 'index');
  expect(html).toContain('What it does');
  expect(html).not.toContain('id="layout"');
  expect(readFileSync(join(ROOT, 'README.md'), 'utf8')).toContain('\n## Layout\n');
});
