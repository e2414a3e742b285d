/** What other sites show of a shared link: title, description and picture. */
import type { HtmlTagDescriptor, Plugin } from 'vite';
import { unescapeHtml } from './html.ts';
import type { Site } from './site.ts';

/** The picture, made by scripts/draw-preview.mjs. */
export const PREVIEW = { file: 'preview.png', width: 1200, height: 630 } as const;

export const PREVIEW_ALT =
  'Loss curves of one model trained in FP32, in f16 with loss scaling, and in f16 without: the first two agree, the third stays far above them.';

export interface Previewed {
  readonly title: string;
  readonly summary: string;
  /** Where the page is in the site; the empty text for the first page. */
  readonly path: string;
  /** The way from the page to the root of the site. */
  readonly root: string;
}

type Tag = { readonly tag: 'meta' | 'link'; readonly attrs: Record<string, string> };

/**
 * The tags of a page. Readers of previews want whole addresses, which a build has only if it knows the site's; otherwise
 * the picture's is relative, which some of them resolve.
 */
export function previewTags({ title, summary, path, root }: Previewed, { address }: Site): Tag[] {
  const meta = (key: string, name: string, content: string): Tag => ({
    tag: 'meta',
    attrs: { [key]: name, content },
  });
  const picture = address === null ? `${root}${PREVIEW.file}` : `${address}${PREVIEW.file}`;
  return [
    meta('name', 'description', summary),
    meta('property', 'og:type', 'website'),
    meta('property', 'og:site_name', 'Halfstep'),
    meta('property', 'og:title', title),
    meta('property', 'og:description', summary),
    meta('property', 'og:image', picture),
    meta('property', 'og:image:type', 'image/png'),
    meta('property', 'og:image:width', String(PREVIEW.width)),
    meta('property', 'og:image:height', String(PREVIEW.height)),
    meta('property', 'og:image:alt', PREVIEW_ALT),
    meta('name', 'twitter:card', 'summary_large_image'),
    ...(address === null
      ? []
      : [
          meta('property', 'og:url', `${address}${path}`),
          { tag: 'link', attrs: { rel: 'canonical', href: `${address}${path}` } } as const,
        ]),
  ];
}

/** Adds the tags to the head of the page, with the title and the description that index.html has. */
export function previewPlugin(site: Site): Plugin {
  return {
    name: 'halfstep-preview',
    transformIndexHtml: {
      order: 'post',
      handler(html) {
        const title = /<title>([^<]*)<\/title>/.exec(html)?.[1];
        const summary = /<meta\s+name="description"\s+content="([^"]*)"/.exec(html)?.[1];
        if (!title || !summary) throw new Error('index.html has no title or no description');
        const page = { title: unescapeHtml(title), summary: unescapeHtml(summary), path: '', root: './' };
        return previewTags(page, site)
          .filter(({ attrs }) => attrs.name !== 'description')
          .map((tag): HtmlTagDescriptor => ({ ...tag, injectTo: 'head' }));
      },
    },
  };
}
