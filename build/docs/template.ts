/** The HTML around a document: head, list of pages, headings of the page, next and previous. */
import { CONTENT_POLICY } from '../contentPolicy.ts';
import { escapeHtml } from '../html.ts';
import { previewTags } from '../preview.ts';
import type { Site } from '../site.ts';
import { inDocs } from './links.ts';
import type { Heading } from './markdown.ts';

export interface ListedPage {
  readonly name: string;
  readonly group: string;
  readonly title: string;
}

export interface PageContent {
  readonly page: ListedPage;
  readonly html: string;
  readonly headings: readonly Heading[];
  readonly summary: string;
}

export interface PageFiles {
  /** Addresses from the folder of the pages. */
  readonly style: string;
  readonly script: string;
}

/** A page has at least this many sections before it lists them. */
const SECTIONS_LISTED = 3;

export function renderPage(
  { page, html, headings, summary }: PageContent,
  pages: readonly ListedPage[],
  files: PageFiles,
  site: Site,
): string {
  const title = page.name === 'index' ? 'Halfstep: documentation' : `${page.title} - Halfstep`;
  const tags = previewTags({ title, summary, path: inDocs(`${page.name}.html`), root: '../' }, site);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${escapeHtml(CONTENT_POLICY)}">
<meta name="viewport" content="width=device-width, initial-scale=1, viewport-fit=cover">
<meta name="color-scheme" content="light dark">
<title>${escapeHtml(title)}</title>
${tags.map(({ tag, attrs }) => `<${tag}${attributes(attrs)}>`).join('\n')}
<link rel="icon" href="../favicon.svg" type="image/svg+xml">
<link rel="stylesheet" href="${files.style}">
<script src="${files.script}"></script>
</head>
<body>
<a class="skip" href="#content">Skip to the content</a>
<header class="top">
<a class="brand" href="../"><svg viewBox="0 0 32 32" width="24" height="24" aria-hidden="true"><rect width="32" height="32" rx="7"/><path d="M6 24h7v-8h7V8h6"/></svg>Halfstep</a>
<nav aria-label="Site"><a href="../">Open Halfstep</a><a class="toPages" href="#pages">All pages</a>${
    site.repository === null ? '' : `<a href="${escapeHtml(site.repository)}">Source</a>`
  }</nav>
</header>
<div class="columns">
<main id="content" tabindex="-1">
<article>
${html}</article>
${neighbours(page, pages)}
</main>
${listOfPages(page, pages)}
${listOfHeadings(headings)}
</div>
</body>
</html>
`;
}

function attributes(attrs: Readonly<Record<string, string>>): string {
  return Object.entries(attrs)
    .map(([name, value]) => ` ${name}="${escapeHtml(value)}"`)
    .join('');
}

function listOfPages(current: ListedPage, pages: readonly ListedPage[]): string {
  const groups = [...new Set(pages.map(({ group }) => group))];
  const lists = groups.map((group) => {
    const items = pages
      .filter((page) => page.group === group)
      .map(({ name, title }) => {
        const here = name === current.name ? ' aria-current="page"' : '';
        return `<li><a href="${name}.html"${here}>${escapeHtml(title)}</a></li>`;
      });
    return `<h2>${escapeHtml(group)}</h2>\n<ul>${items.join('')}</ul>`;
  });
  return `<nav id="pages" class="pages" aria-label="Pages">\n${lists.join('\n')}\n</nav>`;
}

function listOfHeadings(headings: readonly Heading[]): string {
  const sections = headings.filter(({ depth }) => depth === 2);
  if (sections.length < SECTIONS_LISTED) return '';
  const items = sections.map(({ id, html }) => `<li><a href="#${id}">${html}</a></li>`);
  return `<nav class="headings" aria-label="On this page">\n<h2>On this page</h2>\n<ul>${items.join('')}</ul>\n</nav>`;
}

function neighbours(current: ListedPage, pages: readonly ListedPage[]): string {
  const at = pages.findIndex(({ name }) => name === current.name);
  const link = (page: ListedPage | undefined, rel: string, word: string) =>
    page === undefined
      ? ''
      : `<a rel="${rel}" href="${page.name}.html"><span>${word}</span> ${escapeHtml(page.title)}</a>`;
  return `<nav class="neighbours" aria-label="Next and previous page">${link(pages[at - 1], 'prev', 'Previous')}${link(pages[at + 1], 'next', 'Next')}</nav>`;
}
