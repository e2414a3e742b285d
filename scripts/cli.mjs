/**
 * Runs a command of src/cli: `node scripts/cli.mjs train --preset smoke`. If a source is newer than the last build, it
 * builds the command first. The command runs in this process, so that exit codes, signals and pipes work as expected.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const SOURCES = ['src', 'shaders', 'build', 'vite.cli.config.ts', 'package-lock.json'];

const [command, ...args] = process.argv.slice(2);
const program = join(ROOT, 'dist-tools', 'cli', `${command}.js`);

if (!command || !existsSync(join(ROOT, 'src', 'cli', `${command}.ts`))) {
  process.stderr.write(
    `error: there is no command "${command ?? ''}".\nUsage: node scripts/cli.mjs train [options]\n`,
  );
  process.exit(2);
}
if (!existsSync(program) || newestChange() > statSync(program).mtimeMs) build();

process.argv.splice(1, 2 + args.length, program, ...args);
await import(pathToFileURL(program).href);

/** The time of the newest change. Folders count too, because their time changes when a file is removed. */
function newestChange() {
  const paths = SOURCES.flatMap((source) => {
    const path = join(ROOT, source);
    if (!statSync(path).isDirectory()) return [path];
    return [path, ...readdirSync(path, { recursive: true }).map((name) => join(path, String(name)))];
  });
  return Math.max(...paths.map((path) => statSync(path).mtimeMs));
}

function build() {
  const vite = join(dirname(createRequire(import.meta.url).resolve('vite/package.json')), 'bin', 'vite.js');
  const result = spawnSync(
    process.execPath,
    [vite, 'build', '--config', 'vite.cli.config.ts', '--logLevel', 'warn'],
    { cwd: ROOT, stdio: ['ignore', 2, 2] }, // standard output belongs to the command
  );
  if (result.status !== 0) process.exit(1);
}
