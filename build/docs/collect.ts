/** Renders all documents, and finds every link that leads nowhere. */
import { escapeHtml, unescapeHtml } from '../html.ts';
import type { Site } from '../site.ts';
import { type LinkContext, resolveLink } from './links.ts';
import { type Rendered, renderMarkdown } from './markdown.ts';
import { listPages, type Page, readDocument } from './pages.ts';
import { type PictureFile, renderPicture } from './pictures.ts';
import type { PageContent } from './template.ts';

export interface Documentation {
  readonly pages: readonly PageContent[];
  readonly pictures: readonly PictureFile[];
  /** What is wrong with links and pictures, one line each. */
  readonly faults: readonly string[];
}

/** A page that has no document: the build writes it. */
export type WrittenPage = Pick<Rendered, 'html' | 'headings'>;

/**
 * @param root the folder of the repository
 * @param written pages without a document, by name
 */
export function collectDocumentation(
  root: string,
  site: Site,
  written: Readonly<Record<string, WrittenPage>>,
): Documentation {
  const pages = listPages(root);
  const faults: string[] = [];
  const pictures = new Map<string, PictureFile>();
  const context: LinkContext = { root, site, pages, fault: (what) => faults.push(what) };
  const content = pages.map((page) => {
    const { title, html, headings } = page.file === null ? writtenPage(page, written) : read(page.file);
    const listed = { name: page.name, group: page.group, title: page.title };
    // Results that a command wrote have no heading of their own.
    const head = title === '' ? `<h1>${escapeHtml(listed.title)}</h1>\n` : '';
    return { page: listed, html: head + html, headings, summary: summaryOf(html) };
  });
  return { pages: content, pictures: [...pictures.values()], faults };

  function read(file: string): Rendered {
    return renderMarkdown(readDocument(root, file), {
      link: (href) => resolveLink(context, file, href),
      picture: (href, alt) => renderPicture(context, pictures, file, href, alt),
    });
  }
}

function writtenPage(page: Page, written: Readonly<Record<string, WrittenPage>>): Rendered {
  const content = written[page.name] ?? { html: '', headings: [] };
  return { title: page.title, ...content };
}

/** The beginning of a page's first paragraph, for previews and search results. */
function summaryOf(html: string): string {
  const paragraph = /<p>([\s\S]*?)<\/p>/.exec(html)?.[1] ?? '';
  const text = unescapeHtml(paragraph.replace(/<[^>]*>/g, ''))
    .replace(/\s+/g, ' ')
    .trim();
  if (text.length <= 200) return text;
  return `${text.slice(0, text.lastIndexOf(' ', 199))}…`;
}
