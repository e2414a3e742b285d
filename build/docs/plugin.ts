/** Writes the pages of the documentation into the site, and serves them from the dev server. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Plugin } from 'vite';
import type { Site } from '../site.ts';
import { collectDocumentation, type Documentation, type WrittenPage } from './collect.ts';
import { inDocs } from './links.ts';
import { DOCS_FOLDER } from './pages.ts';
import { type PageFiles, renderPage } from './template.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const STYLES = [
  'src/app/styles/tokens.css',
  ...['prose', 'layout', 'drawings'].map((name) => `build/docs/${name}.css`),
];
const SCRIPT = 'build/docs/theme.js';

/** @param written makes the pages that have no document, once the bundles are made */
export function docsPlugin(site: Site, written: () => Readonly<Record<string, WrittenPage>>): Plugin {
  return {
    name: 'halfstep-docs',
    configureServer(server) {
      server.middlewares.use((request, response, next) => {
        const path = new URL(request.url ?? '/', 'http://localhost').pathname;
        const name = path.startsWith(`/${DOCS_FOLDER}/`) ? path.slice(DOCS_FOLDER.length + 2) : null;
        const file = name === null ? undefined : devFiles(site)[name || 'index.html'];
        if (!file) return next();
        response.setHeader('Content-Type', file.type);
        response.end(file.content);
      });
    },
    generateBundle: {
      // The page of licences lists what is in the bundles, those of workers included.
      order: 'post',
      handler() {
        if (this.environment.config.consumer !== 'client') return;
        const emit = (name: string, source: string) =>
          `../${this.getFileName(this.emitFile({ type: 'asset', name, source }))}`;
        const files = { style: emit('docs.css', style()), script: emit('docs.js', script()) };
        const documentation = checked(collectDocumentation(ROOT, site, written()));
        for (const [name, html] of pagesOf(documentation, files, site))
          this.emitFile({ type: 'asset', fileName: inDocs(name), source: html });
        for (const { name, path } of documentation.pictures)
          this.emitFile({ type: 'asset', fileName: inDocs(name), source: readFileSync(join(ROOT, path)) });
      },
    },
  };
}

/** @throws Error listing every link that leads nowhere */
function checked(documentation: Documentation): Documentation {
  const { faults } = documentation;
  if (faults.length > 0) throw new Error(`The documentation has dead links:\n${faults.join('\n')}`);
  return documentation;
}

function pagesOf({ pages }: Documentation, files: PageFiles, site: Site): [string, string][] {
  const listed = pages.map(({ page }) => page);
  return pages.map((content) => [`${content.page.name}.html`, renderPage(content, listed, files, site)]);
}

function devFiles(site: Site): Record<string, { type: string; content: string | Buffer } | undefined> {
  const documentation = collectDocumentation(ROOT, site, {});
  const pages = pagesOf(documentation, { style: 'docs.css', script: 'docs.js' }, site);
  return {
    'docs.css': { type: 'text/css', content: style() },
    'docs.js': { type: 'text/javascript', content: script() },
    ...Object.fromEntries(
      documentation.pictures.map(({ name, path }) => [
        name,
        { type: 'image/png', content: readFileSync(join(ROOT, path)) },
      ]),
    ),
    ...Object.fromEntries(pages.map(([name, content]) => [name, { type: 'text/html', content }])),
  };
}

const style = () => STYLES.map((path) => readFileSync(join(ROOT, path), 'utf8')).join('\n');
const script = () => readFileSync(join(ROOT, SCRIPT), 'utf8');
