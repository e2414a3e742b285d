/** Which documents become pages of the site, in which order, and under which names. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Page {
  /** The document's path from the root of the repository; null for the page of licences, which the build writes. */
  readonly file: string | null;
  /** The name of the page: `<folder>/<name>.html`. */
  readonly name: string;
  readonly group: string;
  /** What lists of pages and links call it. */
  readonly title: string;
}

/** The folder of the pages in the site. */
export const DOCS_FOLDER = 'docs';

/** Where documents are that a page may need; the first is also the folder of the documentation. */
const RESULTS = 'bench/results';

const LICENCES: Page = { file: null, name: 'licences', group: 'About', title: 'Licences' };

/**
 * Documents by group, in reading order, with a short title where the document's own is long. A document of `docs/` that is
 * not listed comes last in "More".
 */
const GROUPS: Readonly<Record<string, Readonly<Record<string, string | null>>>> = {
  Start: {
    'how-it-works': null,
    page: null,
    cli: null,
    package: null,
    models: null,
  },
  Evidence: { choosing: 'Which format?', measurements: null },
  'Number formats': {
    precision: 'Precision',
    formats: 'Adding a format',
    'block-scales': 'Block scales',
    int8: null,
    progressive: 'Precision that rises',
    'pure-f16': 'f16 without masters',
    'fp8-long-runs': null,
    stability: null,
    optimizer: 'Optimizers',
  },
  Inside: {
    architecture: 'Architecture',
    kernels: null,
    dependencies: 'Dependencies',
    deploy: null,
  },
};

/** All pages in reading order, beginning with the index. */
export function listPages(root: string): Page[] {
  const documents = markdownIn(join(root, 'docs'));
  const listed = Object.entries(GROUPS).flatMap(([group, titles]) =>
    Object.entries(titles).map(([name, title]) => documentPage(root, name, group, title)),
  );
  const others = documents.filter((name) => !listed.some((page) => page.name === name));
  return [
    { file: 'README.md', name: 'index', group: 'Start', title: 'Overview' },
    ...listed.filter(({ name }) => documents.includes(name)),
    ...others.map((name) => documentPage(root, name, 'More', null)),
    ...markdownIn(join(root, RESULTS)).map((name) => ({
      file: `${RESULTS}/${name}.md`,
      // Documents about the same thing have the same name there and in docs/.
      name: `results-${name}`,
      group: 'Results in full',
      title: name,
    })),
    { file: 'CHANGELOG.md', name: 'changelog', group: 'About', title: 'Changelog' },
    LICENCES,
  ];
}

/** @param title by default the document's own heading */
function documentPage(root: string, name: string, group: string, title: string | null): Page {
  const file = `docs/${name}.md`;
  const path = join(root, file);
  const own = () => (existsSync(path) && /^# (.*)$/m.exec(readFileSync(path, 'utf8'))?.[1]) || name;
  return { file, name, group, title: title ?? own() };
}

/** The names of a folder's documents, without their endings. */
function markdownIn(folder: string): string[] {
  if (!existsSync(folder)) return [];
  const names = readdirSync(folder).filter((name) => name.endsWith('.md'));
  return names.map((name) => name.slice(0, -'.md'.length)).sort();
}

/**
 * The text of a document as its page shows it. The overview leaves out the folders of the source, which concern only
 * those who have them.
 */
export function readDocument(root: string, file: string): string {
  const text = readFileSync(join(root, file), 'utf8');
  return file === 'README.md' ? text.replace(/\n## Layout\n[\s\S]*?(?=\n## |$)/, '') : text;
}
