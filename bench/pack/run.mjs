/**
 * Runs the packed benchmark. Every stage, shape and mode is a process of its own, so that a crash or a lack of memory affects
 * no other. PyTorch then trains the same models, if it is installed. results/table.md is complete after each of them.
 */
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { packTable, writeWhole } from './table.mjs';

const HERE = fileURLToPath(new URL('.', import.meta.url));

/** The most important figures come first, for machines on which the time is over before all are measured. */
const DEFAULTS = {
  only: 'roofline,step,kernels',
  shapes: 'gpt2,gpt2-163m',
  precision: 'fp32,fp16,bf16,tf32',
  budget: '24GiB',
};
/** A GPU takes some 20 s for a step's cell. What does not fit is listed as not measured. */
const DEFAULT_MINUTES = 10;
/** A cell is not started with less time than this left. */
const LEAST_MS = 5000;

/** Stages that are measured for one shape and one mode at a time. */
const PER_MODE = ['kernels', 'step'];

/** PyTorch's names of Halfstep's modes. */
export const TORCH_MODES = { fp32: 'FP32', tf32: 'TF32', fp16: 'AMP', 'fp16-tf32': 'AMP+TF32' };

/**
 * The calls of the benchmark, in order. DEFAULTS replace options that are not given.
 * @param {readonly string[]} args options of `npm run bench`, and --minutes
 * @returns {{ name: string, args: string[] }[]}
 */
export function plannedRuns(args) {
  const { only, shapes, precision, minutes: _, ...others } = { ...DEFAULTS, ...readOptions(args) };
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

/** `--name value` and `--name=value` as an object. The benchmark checks names and values. */
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
 * Rows of the comparison: tokens/s of Halfstep and PyTorch for the same model, batch and mode.
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

/** Milliseconds that the options allow. @param {readonly string[]} args */
export function timeLimit(args) {
  const { minutes = String(DEFAULT_MINUTES) } = readOptions(args);
  const limit = Number(minutes);
  if (!(limit > 0)) throw new Error(`--minutes ${minutes} is not a number above 0`);
  return limit * 60_000;
}

/**
 * Measures everything and returns the exit status.
 * @param {readonly string[]} args
 * @param {{ bench: readonly string[], results: string, python: string, now?: () => number }} places command of the benchmark,
 *   folder, Python, and a clock in milliseconds
 */
export async function measureAll(args, { bench, results, python, now = () => performance.now() }) {
  const end = now() + timeLimit(args);
  const isOver = (margin = 0) => now() + margin > end;
  const cells = plannedRuns(args).map((run) => ({ ...run, state: 'waiting', json: {} }));
  mkdirSync(results, { recursive: true });
  const table = join(results, 'table.md');
  let comparison = [];
  const write = () => writeWhole(table, packTable(cells, comparison));
  let child = null;
  let isStopped = false;
  const run = async (command, output) => {
    const [program, ...rest] = command;
    child = spawn(program, rest, { stdio: ['ignore', output, output === 'pipe' ? 'pipe' : 'inherit'] });
    const done = await outcomeOf(child, isOver);
    child = null;
    return done;
  };
  const stop = () => {
    isStopped = true;
    child?.kill('SIGKILL');
  };
  process.on('SIGINT', stop).on('SIGTERM', stop);
  write();
  for (const cell of cells) {
    if (isStopped) break;
    if (isOver(LEAST_MS)) {
      cell.state = 'no time';
      continue;
    }
    console.log(`\n== ${cell.name}: bench ${cell.args.join(' ')}`);
    const file = join(results, `${cell.name}.json`);
    rmSync(file, { force: true });
    const { status } = await run([...bench, ...cell.args, '--json', file], 'inherit');
    cell.state = status === 0 ? 'measured' : status === null ? 'stopped' : 'failed';
    cell.json = figuresOf(file);
    write();
  }
  const steps = Object.assign({}, ...cells.map(({ json }) => json.step));
  if (!isStopped && Object.values(steps).some((figures) => figures !== null)) {
    comparison = await compareWithTorch(steps, python, run, () => isStopped || isOver(LEAST_MS));
  }
  write();
  process.off('SIGINT', stop).off('SIGTERM', stop);
  const missing = cells.filter(({ state }) => state !== 'measured').map(({ name }) => name);
  console.log(`\n${readFileSync(table, 'utf8')}\nThe table is in ${table}.`);
  console.log(missing.length > 0 ? `Not measured: ${missing.join(', ')}` : 'All was measured.');
  return isStopped ? 130 : cells.some(({ state }) => state === 'failed') ? 1 : 0;
}

/** Waits for a process, and kills it once `isOver` returns true. Its status is null if it was killed. */
function outcomeOf(child, isOver = () => false) {
  return new Promise((resolve) => {
    let [stdout, stderr] = ['', ''];
    child.stdout?.on('data', (part) => {
      stdout += part;
    });
    child.stderr?.on('data', (part) => {
      stderr += part;
    });
    const timer = setInterval(() => isOver() && child.kill('SIGKILL'), 100);
    const finish = (status) => {
      clearInterval(timer);
      resolve({ status, stdout, stderr });
    };
    child.on('error', () => finish(127)).on('close', finish);
  });
}

/** The figures that a benchmark has written so far. It writes its file again after each figure. */
function figuresOf(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return {}; // the process ended before it wrote any
  }
}

/** Trains the same models in PyTorch. Returns the rows of the comparison, with their header; empty without PyTorch. */
async function compareWithTorch(steps, python, run, isOver) {
  console.log('\n== PyTorch');
  const probe = await run([python, '-c', 'import torch; print(torch.__version__)'], 'pipe');
  if (probe.status !== 0) {
    console.log(`${python} has no PyTorch, so there is nothing to compare with.`);
    return [];
  }
  const jobs = Object.entries(steps).flatMap(([name, figures]) => {
    const mode = figures && TORCH_MODES[figures.precision];
    return mode ? [{ name, mode, model: figures.model }] : [];
  });
  const torch = [];
  for (const compiled of [false, true]) {
    for (const job of jobs) {
      const nothing = { tokensPerSec: null, error: 'the time was over' };
      torch.push(
        isOver() ? { ...job, compiled, ...nothing } : await trainInTorch({ ...job, compiled }, python, run),
      );
    }
  }
  const header = [
    'tokens/s',
    'Halfstep',
    `PyTorch ${probe.stdout.trim()} (Halfstep's share)`,
    'with torch.compile',
  ];
  return [header, ...ratioRows(steps, torch)];
}

/** Each training has a process of its own, which frees the GPU's memory for the next. */
async function trainInTorch(job, python, run) {
  const { stdout, stderr } = await run([python, join(HERE, 'torch_gpt.py'), JSON.stringify(job)], 'pipe');
  const nothing = { tokensPerSec: null, error: stderr.trim().split('\n').at(-1) || 'stopped' };
  const result = /^\{.*\}$/m.exec(stdout);
  const figures = { name: job.name, compiled: job.compiled, ...(result ? JSON.parse(result[0]) : nothing) };
  const speed = figures.error ?? `${Math.round(figures.tokensPerSec)} tokens/s`;
  console.log(`${job.name} ${job.mode}${job.compiled ? ' compiled' : ''}: ${speed}`);
  return figures;
}

async function main(args) {
  const bench = [process.execPath, join(HERE, 'dist', 'cli', 'bench.js')];
  if (args.includes('--help') || args.includes('-h')) {
    console.log(
      `--minutes N   ends after N minutes (${DEFAULT_MINUTES}); what was measured until then is in results/table.md\n`,
    );
    const help = spawn(bench[0], [bench[1], '--help'], { stdio: 'inherit' });
    return (await outcomeOf(help)).status ?? 1;
  }
  return measureAll(args, { bench, results: join(HERE, 'results'), python: 'python3' });
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  try {
    process.exitCode = await main(process.argv.slice(2));
  } catch (error) {
    console.error(`error: ${error.message}`);
    process.exitCode = 2;
  }
}
