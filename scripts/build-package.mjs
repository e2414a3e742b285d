/**
 * `npm run build:package`, and first of all what `npm pack` does: the package `halfstep` in dist-package, from
 * src/package. package.json is its manifest too: what the page and the command line need are development dependencies.
 */
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const OUT = join(ROOT, 'dist-package');
const TYPES = join(OUT, 'types');
const ENTRIES = ['index.d.ts', 'node.d.ts'];

/** Called by path, as in scripts/test.mjs. What it reports goes to standard error: `npm pack --json` has the other. */
function run(script, ...args) {
  const command = [join(ROOT, 'node_modules', script), ...args];
  const { status } = spawnSync(process.execPath, command, { cwd: ROOT, stdio: ['ignore', 2, 2] });
  if (status !== 0) process.exit(1);
}

const IMPORTED = /((?:from|import\() ?['"])(\.[^'"]*)\.ts(['"])/g;

/** What the declarations of the entries speak of, and no others. */
function reachable(file, found = new Set()) {
  if (found.has(file)) return found;
  found.add(file);
  for (const [, , path] of readFileSync(file, 'utf8').matchAll(IMPORTED)) {
    reachable(join(dirname(file), `${path}.d.ts`), found);
  }
  return found;
}

rmSync(OUT, { recursive: true, force: true });
run('vite/bin/vite.js', 'build', '--config', 'vite.package.config.ts', '--logLevel', 'warn');
run('typescript/bin/tsc', '--project', join('build', 'package', 'tsconfig.json'));
/** From where the engine's door exports each name. */
function doorOf(file) {
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
 * The package's declarations import what they name from where it is declared, and not through the door: that speaks of the
 * whole engine.
 */
function pastTheDoor(text, door) {
  const statement = /(import|export) (type )?\{([^}]*)\} from '\.\.\/engine\/index\.ts';/g;
  return text.replace(statement, (_, word, type = '', names) =>
    namesIn(names)
      .map((name) => `${word} ${type}{ ${name} } from '../engine/${door.get(nameOnly(name))}';`)
      .join('\n'),
  );
}

const door = doorOf(join(TYPES, 'engine', 'index.d.ts'));
for (const name of readdirSync(join(TYPES, 'package'))) {
  const file = join(TYPES, 'package', name);
  writeFileSync(file, pastTheDoor(readFileSync(file, 'utf8'), door));
}
const kept = ENTRIES.reduce((found, name) => reachable(join(TYPES, 'package', name), found), new Set());
for (const entry of readdirSync(TYPES, { recursive: true, withFileTypes: true })) {
  const file = join(entry.parentPath, entry.name);
  if (!entry.isFile()) continue;
  if (!kept.has(file)) rmSync(file);
  // Sources name each other with `.ts`; every version of TypeScript finds the declarations of `.js`.
  else writeFileSync(file, readFileSync(file, 'utf8').replace(IMPORTED, '$1$2.js$3'));
}
