/** Which documents become pages of the site, in which order, and under which names. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Page {
  /** The document's path from the root of the repository; null for the page of licences, which the build writes. */
  readonly file: string | null;
  /** The name of the page: `<folder>/<name>.html`. */
  readonly name: string;
  readonly group: string;
  /** What lists of pages call it; by default the document's own heading. */
  readonly title?: string;
}

/** The folder of the pages in the site. */
export const DOCS_FOLDER = 'docs';

/** Where documents are that a page may need; the first is also the folder of the documentation. */
const RESULTS = 'bench/results';

const LICENCES: Page = { file: null, name: 'licences', group: 'About', title: 'Licences' };

/** Documents by group, in reading order. A document of `docs/` that is not listed comes last in "More". */
const GROUPS: Readonly<Record<string, readonly string[]>> = {
  Start: ['how-it-works', 'page', 'cli', 'package', 'models'],
  Evidence: ['choosing', 'measurements'],
  'Number formats': [
    'precision',
    'formats',
    'block-scales',
    'int8',
    'progressive',
    'pure-f16',
    'fp8-long-runs',
    'stability',
    'optimizer',
  ],
  Inside: ['architecture', 'kernels', 'dependencies', 'deploy'],
};

/** All pages in reading order, beginning with the index. */
export function listPages(root: string): Page[] {
  const documents = markdownIn(join(root, 'docs'));
  const listed = Object.values(GROUPS).flat();
  const grouped = Object.entries(GROUPS).flatMap(([group, names]) =>
    names.filter((name) => documents.includes(name)).map((name) => documentPage(name, group)),
  );
  const others = documents.filter((name) => !listed.includes(name));
  return [
    { file: 'README.md', name: 'index', group: 'Start', title: 'Overview' },
    ...grouped,
    ...others.map((name) => documentPage(name, 'More')),
    ...markdownIn(join(root, RESULTS)).map((name) => ({
      file: `${RESULTS}/${name}.md`,
      // Documents about the same thing have the same name there and in docs/.
      name: `results-${name}`,
      group: 'Results in full',
      title: name,
    })),
    { file: 'CHANGELOG.md', name: 'changelog', group: 'About' },
    LICENCES,
  ];
}

function documentPage(name: string, group: string): Page {
  return { file: `docs/${name}.md`, name, group };
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
