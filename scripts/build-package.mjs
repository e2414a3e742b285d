/**
 * Builds the npm package `halfstep` from src/package into dist-package (`npm run build:package`; `npm pack` runs it first).
 * The repository's package.json is also the manifest of the package, so the dependencies of the page and of the command line
 * are listed as development dependencies.
 */
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const OUT = join(ROOT, 'dist-package');
const TYPES = join(OUT, 'types');
const ENTRIES = ['index.d.ts', 'node.d.ts'];

/** Runs a script of node_modules. Its output goes to standard error, because `npm pack --json` writes to standard output. */
function run(script, ...args) {
  const command = [join(ROOT, 'node_modules', script), ...args];
  const { status } = spawnSync(process.execPath, command, { cwd: ROOT, stdio: ['ignore', 2, 2] });
  if (status !== 0) process.exit(1);
}

const IMPORTED = /((?:from|import\() ?['"])(\.[^'"]*)\.ts(['"])/g;

/** The declaration files that `file` imports, directly or indirectly, including itself. */
function reachable(file, found = new Set()) {
  if (found.has(file)) return found;
  found.add(file);
  for (const [, , path] of readFileSync(file, 'utf8').matchAll(IMPORTED)) {
    reachable(join(dirname(file), `${path}.d.ts`), found);
  }
  return found;
}

/** Maps each name that engine/index.ts exports to the file that declares it. */
function exportsOf(file) {
  const statements = readFileSync(file, 'utf8').matchAll(/export (?:type )?\{([^}]*)\} from '\.\/([^']*)'/g);
  return new Map(
    [...statements].flatMap(([, names, from]) => namesIn(names).map((name) => [nameOnly(name), from])),
  );
}

const namesIn = (list) =>
  list
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
const nameOnly = (name) => name.replace(/^type /, '').replace(/ as .*$/, '');

/**
 * Rewrites imports from engine/index.ts to imports from the declaring files, because index.ts would pull in the
 * declarations of the whole engine.
 */
function withDirectImports(text, declaredIn) {
  const statement = /(import|export) (type )?\{([^}]*)\} from '\.\.\/engine\/index\.ts';/g;
  return text.replace(statement, (_, word, type = '', names) =>
    namesIn(names)
      .map((name) => `${word} ${type}{ ${name} } from '../engine/${declaredIn.get(nameOnly(name))}';`)
      .join('\n'),
  );
}

/** Does the same for inferred types, which TypeScript may write as `import("../../index.ts").Name`. */
function withDirectTypes(text, declaredIn) {
  return text.replace(
    /import\("((?:\.\.\/)+)index\.ts"\)\.(\w+)/g,
    (_, up, name) => `import("${up}${declaredIn.get(name)}").${name}`,
  );
}

rmSync(OUT, { recursive: true, force: true });
run('vite/bin/vite.js', 'build', '--config', 'vite.package.config.ts', '--logLevel', 'warn');
run('typescript/bin/tsc', '--project', join('build', 'package', 'tsconfig.json'));

const declaredIn = exportsOf(join(TYPES, 'engine', 'index.d.ts'));
for (const name of readdirSync(join(TYPES, 'package'))) {
  const file = join(TYPES, 'package', name);
  writeFileSync(file, withDirectImports(readFileSync(file, 'utf8'), declaredIn));
}
for (const entry of readdirSync(join(TYPES, 'engine'), { recursive: true, withFileTypes: true })) {
  if (!entry.isFile()) continue;
  const file = join(entry.parentPath, entry.name);
  writeFileSync(file, withDirectTypes(readFileSync(file, 'utf8'), declaredIn));
}
// Keeps only the declarations that the entries need.
const kept = ENTRIES.reduce((found, name) => reachable(join(TYPES, 'package', name), found), new Set());
for (const entry of readdirSync(TYPES, { recursive: true, withFileTypes: true })) {
  const file = join(entry.parentPath, entry.name);
  if (!entry.isFile()) continue;
  if (!kept.has(file)) rmSync(file);
  // Declarations import `.ts` files like the sources do. Imports of `.js` files work with every version of TypeScript.
  else writeFileSync(file, readFileSync(file, 'utf8').replace(IMPORTED, '$1$2.js$3'));
}
