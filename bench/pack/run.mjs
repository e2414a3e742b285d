/**
 * What the packed archive runs: every stage, shape and mode as a process of its own, so that one that crashes or runs
 * out of memory costs nobody else anything; then PyTorch on the same models, where it is there.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const HERE = fileURLToPath(new URL('.', import.meta.url));
const BENCH = join(HERE, 'dist', 'cli', 'bench.js');
const RESULTS = join(HERE, 'results');

const DEFAULTS = {
  only: 'roofline,kernels,step',
  shapes: 'gpt2,gpt2-163m',
  precision: 'fp32,tf32,fp16,bf16',
  budget: '24GiB',
};

/** Stages that are measured for one shape and one mode at a time. */
const PER_MODE = ['kernels', 'step'];

/** Halfstep's modes and what PyTorch calls the same. */
export const TORCH_MODES = { fp32: 'FP32', tf32: 'TF32', fp16: 'AMP', 'fp16-tf32': 'AMP+TF32' };

/**
 * The benchmark's calls for the options given, in order.
 * @param {readonly string[]} args as `npm run bench` takes them; what is not given is DEFAULTS'
 * @returns {{ name: string, args: string[] }[]}
 */
export function plannedRuns(args) {
  const { only, shapes, precision, ...others } = { ...DEFAULTS, ...readOptions(args) };
  const rest = Object.entries(others).flatMap(([name, value]) => [`--${name}`, value]);
  return only.split(',').flatMap((stage) => {
    if (!PER_MODE.includes(stage)) {
      const all = ['--only', stage, '--shapes', shapes, '--precision', precision, ...rest];
      return [{ name: stage, args: all }];
    }
    return shapes.split(',').flatMap((shape) =>
      precision.split(',').map((mode) => ({
        name: `${stage}-${shape}-${mode}`,
        args: ['--only', stage, '--shapes', shape, '--precision', mode, ...rest],
      })),
    );
  });
}

/** `--name value` and `--name=value` as an object; what is neither goes to the benchmark, which says what is wrong. */
function readOptions(args) {
  const options = {};
  for (let i = 0; i < args.length; i++) {
    const [, name, value] = /^--([\w-]+)(?:=(.*))?$/.exec(args[i]) ?? [];
    if (!name) throw new Error(`"${args[i]}" belongs to no option; see --help`);
    options[name] = value ?? args[++i] ?? '';
  }
  return options;
}

/**
 * Rows of the last table: what Halfstep and PyTorch reach on the same model, batch and mode.
 * @param {Record<string, { tokensPerSec: number } | null>} steps Halfstep's figures by `shape mode batch N`
 * @param {{ name: string, compiled: boolean, tokensPerSec: number | null, error: string | null }[]} torch
 */
export function ratioRows(steps, torch) {
  return Object.entries(steps).flatMap(([name, figures]) => {
    if (!figures) return [];
    const cell = (compiled) => {
      const found = torch.find((run) => run.name === name && run.compiled === compiled);
      if (!found) return '-';
      if (found.tokensPerSec === null) return found.error;
      const ratio = (figures.tokensPerSec / found.tokensPerSec).toFixed(3);
      return `${Math.round(found.tokensPerSec)} (${ratio})`;
    };
    return [[name, String(Math.round(figures.tokensPerSec)), cell(false), cell(true)]];
  });
}

function main(args) {
  if (args.includes('--help') || args.includes('-h')) return bench(['--help']);
  mkdirSync(RESULTS, { recursive: true });
  const failed = [];
  const steps = {};
  for (const { name, args: options } of plannedRuns(args)) {
    console.log(`\n== ${name}: bench ${options.join(' ')}`);
    const file = join(RESULTS, `${name}.json`);
    rmSync(file, { force: true });
    const status = bench([...options, '--json', file]);
    if (status !== 0) failed.push(name);
    Object.assign(steps, figuresOf(file).step);
  }
  if (Object.values(steps).some((figures) => figures !== null)) compareWithTorch(steps);
  console.log(failed.length > 0 ? `\nNot all was measured: ${failed.join(', ')}` : '\nAll was measured.');
  return failed.length > 0 ? 1 : 0;
}

function bench(args) {
  return spawnSync(process.execPath, [BENCH, ...args], { stdio: 'inherit' }).status ?? 1;
}

function figuresOf(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return {}; // the process ended before it wrote any
  }
}

function compareWithTorch(steps) {
  console.log('\n== PyTorch');
  const probe = spawnSync('python3', ['-c', 'import torch; print(torch.__version__)'], { encoding: 'utf8' });
  if (probe.status !== 0) {
    console.log('python3 with PyTorch is not here: nothing to compare with.');
    return;
  }
  const jobs = Object.entries(steps).flatMap(([name, figures]) => {
    const mode = figures && TORCH_MODES[figures.precision];
    return mode ? [{ name, mode, model: figures.model }] : [];
  });
  const torch = [false, true].flatMap((compiled) => jobs.map((job) => trainInTorch({ ...job, compiled })));
  console.log(`\ntokens/s, and Halfstep's over PyTorch ${probe.stdout.trim()}'s\n`);
  const rows = [['', 'Halfstep', 'PyTorch', 'with torch.compile'], ...ratioRows(steps, torch)];
  const widths = rows[0].map((_, i) => Math.max(...rows.map((row) => row[i].length)));
  for (const row of rows)
    console.log(
      row
        .map((cell, i) => cell.padEnd(widths[i]))
        .join('  ')
        .trimEnd(),
    );
}

/** A process of its own each time: what one leaves in the GPU's memory is not there for the next. */
function trainInTorch(job) {
  const script = join(HERE, 'torch_gpt.py');
  const { stdout, stderr } = spawnSync('python3', [script, JSON.stringify(job)], { encoding: 'utf8' });
  const nothing = { tokensPerSec: null, error: stderr?.trim().split('\n').at(-1) || 'failed' };
  const result = /^\{.*\}$/m.exec(stdout ?? '');
  const run = { name: job.name, compiled: job.compiled, ...(result ? JSON.parse(result[0]) : nothing) };
  const speed = run.error ?? `${Math.round(run.tokensPerSec)} tokens/s`;
  console.log(`${job.name} ${job.mode}${job.compiled ? ' compiled' : ''}: ${speed}`);
  return run;
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  try {
    process.exitCode = main(process.argv.slice(2));
  } catch (error) {
    console.error(`error: ${error.message}`);
    process.exitCode = 2;
  }
}
