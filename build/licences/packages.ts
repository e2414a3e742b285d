/** Finds the packages whose code is in a bundle, and their licences. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface ShippedPackage {
  readonly name: string;
  readonly version: string;
  /** As package.json names it. */
  readonly licence: string;
  readonly homepage: string | null;
  /** The texts of its licence and notice files. */
  readonly texts: readonly string[];
}

/** Modules that the bundler adds from no file, and the packages whose code they are. */
const VIRTUAL: readonly [RegExp, string][] = [
  [/^\0vite\//, 'vite'],
  [/^\0rolldown\//, 'rolldown'],
];

const LICENCE_FILE = /^(licen[cs]e|copying|notice|third.?party)/i;

/** The text of the licence of packages that name it and come without it. */
const MIT = `Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated documentation files (the "Software"), to deal in the Software without restriction, including without limitation the rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit persons to whom the Software is furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.`;

/** The folder of the package that a module is from; null for the project's own files. */
export function packageFolder(module: string, root: string): string | null {
  const virtual = VIRTUAL.find(([pattern]) => pattern.test(module));
  if (virtual) return join(root, 'node_modules', virtual[1]);
  const path = module.replace(/^\0/, '').replace(/\?.*$/, '').replaceAll('\\', '/');
  return /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(path)?.[0] ?? null;
}

/** @throws Error if a package names no licence, or comes without the text of one other than MIT */
export function readPackage(folder: string): ShippedPackage {
  const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const { name, version, license: licence, homepage } = manifest;
  if (typeof licence !== 'string' || licence === '')
    throw new Error(`The site ships ${name} ${version}, whose package.json names no licence.`);
  const files = readdirSync(folder).filter((file) => LICENCE_FILE.test(file));
  const texts = files.sort().map((file) => readFileSync(join(folder, file), 'utf8').trim());
  if (texts.length === 0 && licence !== 'MIT')
    throw new Error(
      `The site ships ${name} ${version}, which comes without the text of its licence (${licence}).`,
    );
  return {
    ...{ name, version, licence },
    homepage: /^https?:/.test(homepage ?? '') ? homepage : null,
    texts: texts.length > 0 ? texts : [`MIT License\n\nCopyright (c) the authors of ${name}\n\n${MIT}`],
  };
}
