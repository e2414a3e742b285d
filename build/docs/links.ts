/** Turns the links between documents into links between pages, and finds those that lead nowhere. */
import { existsSync, statSync } from 'node:fs';
import { join, posix } from 'node:path';
import type { Site } from '../site.ts';
import { anchorsOf, type Target } from './markdown.ts';
import { DOCS_FOLDER, type Page, readDocument } from './pages.ts';

export interface LinkContext {
  readonly root: string;
  readonly site: Site;
  readonly pages: readonly Page[];
  /** Takes what is wrong with a link. */
  fault(what: string): void;
}

/**
 * The address of a document's link, from the folder of the pages, and the page's title if it leads to one; null for a
 * file that only the repository has, if the build knows no repository.
 */
export function resolveLink(context: LinkContext, from: string, href: string): Target | null {
  if (/^https?:\/\//.test(href)) return { address: href };
  const dead = (why: string) => {
    context.fault(`${from} links to ${href}: ${why}`);
    return null;
  };
  if (/^[a-z][a-z\d+.-]*:/i.test(href)) return dead('only https, http and relative addresses are links');
  const [path = '', anchor] = href.split(/#(.*)/s);
  const target = path === '' ? from : posix.normalize(posix.join(posix.dirname(from), path));
  if (target.startsWith('../') || !existsSync(join(context.root, target)))
    return dead('there is no such file');
  const page = context.pages.find(({ file }) => file === target);
  if (page === undefined) return inRepository(context, target);
  if (anchor !== undefined && !anchorsOf(readDocument(context.root, target)).has(anchor))
    return dead('the page has no such heading');
  const hash = anchor === undefined ? '' : `#${anchor}`;
  return path === '' ? { address: hash } : { address: `${page.name}.html${hash}`, title: page.title };
}

function inRepository({ site, root }: LinkContext, path: string): Target | null {
  // What the site serves itself: scripts for clusters.
  if (path.startsWith('public/')) return { address: `../${path.slice('public/'.length)}` };
  if (site.repository === null) return null;
  const folder = statSync(join(root, path)).isDirectory();
  return { address: `${site.repository}/${folder ? 'tree' : 'blob'}/HEAD/${path}` };
}

/** The place of a page or picture in the site. */
export function inDocs(name: string): string {
  return `${DOCS_FOLDER}/${name}`;
}
