/** The package `halfstep` as npm packs and installs it, in a folder where nothing else is. */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { WAIT_MS } from '../../e2e/limits.ts';

const REPOSITORY = fileURLToPath(new URL('../..', import.meta.url));
export const MODULES = join(REPOSITORY, 'node_modules');
export const CLI = join(REPOSITORY, 'scripts', 'cli.mjs');

/** @returns standard output. @throws Error with the command's whole output if it fails */
export function run(folder: string, command: string, args: readonly string[]): string {
  const { status, signal, stdout, stderr, error } = spawnSync(command, args, {
    cwd: folder,
    encoding: 'utf8',
    timeout: WAIT_MS,
  });
  if (status === 0) return stdout;
  const end = error?.message ?? `exit code ${status ?? signal}`;
  throw new Error(`${command} ${args.join(' ')}: ${end}\n${stdout}${stderr}`);
}

export const node = (folder: string, ...args: string[]): string => run(folder, process.execPath, args);

export class Installed {
  readonly folder = mkdtempSync(join(tmpdir(), 'halfstep-package-'));
  readonly #tarballs = join(this.folder, 'tarballs');
  readonly app = join(this.folder, 'app');

  /** Packs the package and its one dependency, and installs them without a registry. */
  constructor() {
    mkdirSync(this.#tarballs);
    mkdirSync(this.app);
    writeFileSync(join(this.app, 'package.json'), '{ "private": true, "type": "module" }\n');
    this.#npm(REPOSITORY, 'pack', '--pack-destination', this.#tarballs);
    this.#npm(join(MODULES, 'wesl'), 'pack', '--ignore-scripts', '--pack-destination', this.#tarballs);
    const tarballs = readdirSync(this.#tarballs).map((name) => join(this.#tarballs, name));
    this.#npm(this.app, 'install', '--offline', '--no-audit', '--no-fund', ...tarballs);
    for (const name of readdirSync(join(REPOSITORY, 'examples'))) {
      cpSync(join(this.app, 'node_modules', 'halfstep', 'examples', name), join(this.app, name));
    }
  }

  /** The project's own copy of a package, as if it were installed too: Dawn's binaries alone are 132 MB. */
  add(name: string): void {
    mkdirSync(join(this.app, 'node_modules', name, '..'), { recursive: true });
    symlinkSync(join(MODULES, name), join(this.app, 'node_modules', name), 'junction');
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  #npm(folder: string, ...args: string[]): void {
    const npm = process.env.npm_execpath;
    if (npm) node(folder, npm, ...args);
    else run(folder, 'npm', args);
  }
}
