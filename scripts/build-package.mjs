/**
 * `npm run build:package`, and first of all what `npm pack` does: the package `halfstep` in dist/package, from
 * src/package. package.json is its manifest too: what the page and the command line need are development dependencies.
 */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const OUT = join(ROOT, 'dist', 'package');
const TYPES = join(OUT, 'types');

/** Called by path, as in scripts/test.mjs. What it reports goes to standard error: `npm pack --json` has the other. */
function run(script, ...args) {
  const command = [join(ROOT, 'node_modules', script), ...args];
  execFileSync(process.execPath, command, { cwd: ROOT, stdio: ['ignore', 2, 2] });
}

/** Sources name each other with `.ts`; every version of TypeScript finds the declarations of `.js`. */
function nameAsScripts(file) {
  const text = readFileSync(file, 'utf8');
  writeFileSync(file, text.replace(/((?:from|import\() ?['"]\.[^'"]*)\.ts(['"])/g, '$1.js$2'));
}

rmSync(OUT, { recursive: true, force: true });
run('vite/bin/vite.js', 'build', '--config', 'vite.package.config.ts', '--logLevel', 'warn');
run('typescript/bin/tsc', '--project', join('build', 'package', 'tsconfig.json'));
for (const name of readdirSync(TYPES, { recursive: true })) {
  if (name.endsWith('.d.ts')) nameAsScripts(join(TYPES, name));
}
