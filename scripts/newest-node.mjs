/**
 * A stage of `npm test`: runs the command line on the newest Node that npm has as a package, with constant garbage
 * collection. Node 25 and later end a process when they garbage-collect an open file.
 *
 *   node scripts/newest-node.mjs              train, --init and --resume
 *   node scripts/newest-node.mjs SCRIPT ...   any script on that Node, without constant garbage collection
 *
 * The package (58 MB to download, 150 MB on disk) is kept in .cache. If the registry cannot be reached, the one there is used.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { COMPILE_QUICKLY, lavapipeEnv } from '../e2e/software-gpu/environment.mjs';

const repo = fileURLToPath(new URL('..', import.meta.url));
const folder = join(repo, '.cache', 'newest-node');
const isWindows = process.platform === 'win32';
/** The package with the program itself. Unlike the package `node`, it has no script that downloads something else. */
const PACKAGE = `node-${isWindows ? 'win' : process.platform}-${process.arch}`;
const program = join(folder, 'node_modules', PACKAGE, 'bin', isWindows ? 'node.exe' : 'node');
const COLLECT = join(repo, 'scripts', 'collect-garbage.mjs');
const CLI = join(repo, 'scripts', 'cli.mjs');
const STEPS = { saved: 30, resumed: 45, init: 20 };
/** Many times the duration of a run on two busy cores. */
const LIMIT_MS = 300_000;

function install() {
  mkdirSync(folder, { recursive: true });
  const args = ['install', '--no-save', '--ignore-scripts', '--no-audit', '--no-fund', '--prefix', folder];
  const npm = process.env.npm_execpath;
  const [command, ...before] = npm ? [process.execPath, npm] : ['npm'];
  const done = spawnSync(command, [...before, ...args, `${PACKAGE}@latest`], {
    stdio: ['ignore', 'ignore', 'inherit'],
    shell: isWindows && !npm,
  });
  if (done.status === 0 && existsSync(program)) return;
  if (!existsSync(program)) fail(`npm could not install ${PACKAGE}, and none is in ${folder}`);
  console.log(`npm could not check for a newer ${PACKAGE}, so the one in ${folder} is used`);
}

/** @returns the JSON lines of a run */
function train(...args) {
  const command = ['--import', pathToFileURL(COLLECT).href, CLI, 'train', ...args, '--json', '--sample', '0'];
  const { status, signal, stdout, stderr } = spawnSync(program, command, {
    encoding: 'utf8',
    env: { ...process.env, ...lavapipeEnv(), ...COMPILE_QUICKLY },
    timeout: LIMIT_MS,
  });
  const context = `train ${args.join(' ')}\n${stderr}`;
  if (status !== 0) fail(`exit code ${status ?? signal} (limit ${LIMIT_MS / 1000} s) of ${context}`);
  if (/garbage|ERR_|\(node:\d+\)/.test(stderr)) fail(`Node warned about ${context}`);
  return stdout.split('\n').slice(0, -1).map(JSON.parse);
}

function checkSteps(what, lines, first, last) {
  const steps = lines.filter(({ type }) => type === 'step');
  const right =
    steps[0]?.step === first && steps.at(-1)?.step === last && steps.every(({ loss }) => loss > 0);
  if (!right) fail(`${what} has steps ${steps.map(({ step }) => step).join(' ')}, not ${first} to ${last}`);
  console.log(`${what}: steps ${first} to ${last}, loss ${steps.at(-1).loss}`);
}

function fail(message) {
  console.error(`error: ${message}`);
  process.exit(1);
}

install();
const [script, ...args] = process.argv.slice(2);
if (script) {
  const { status } = spawnSync(program, [script, ...args], { stdio: 'inherit', cwd: repo });
  process.exit(status ?? 1);
}
console.log(`Node ${spawnSync(program, ['--version'], { encoding: 'utf8' }).stdout.trim()}`);
const files = mkdtempSync(join(tmpdir(), 'halfstep-newest-node-'));
try {
  const [run, model] = [join(files, 'run.safetensors'), join(files, 'model')];
  const { saved, resumed, init } = STEPS;
  const begin = ['--preset', 'smoke', '--steps', `${saved}`, '--save', run, '--save-every', '10'];
  checkSteps('train', train(...begin, '--export', model), 1, saved);
  checkSteps('--init', train('--preset', 'smoke', '--init', model, '--steps', `${init}`), 1, init);
  checkSteps('--resume', train('--resume', run, '--save', run, '--steps', `${resumed}`), saved + 1, resumed);
} finally {
  rmSync(files, { recursive: true });
}
