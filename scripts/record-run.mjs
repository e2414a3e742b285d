/**
 * Records the runs that the page shows when it cannot train: FP32, mixed f16, and f16 without loss scaling from the same
 * start, trained by the command line. Writes public/recorded-run.json.
 *
 *   node scripts/record-run.mjs
 */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const MODES = ['fp32', 'fp16', 'fp16-noscale'];
const PRESET = 'smoke';
const STEPS = 300;

/** Rounds to five digits, which is more than a chart shows. */
const short = (value) => (value === null ? null : Number(value.toPrecision(5)));

function record(precision) {
  const args = ['scripts/cli.mjs', 'train', '--preset', PRESET, '--precision', precision];
  const output = spawnSync(process.execPath, [...args, '--steps', String(STEPS), '--sample', '0', '--json'], {
    cwd: ROOT,
    encoding: 'utf8',
    maxBuffer: 2 ** 26,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (output.status !== 0) process.exit(1);
  const lines = output.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  const steps = lines.filter(({ type }) => type === 'step');
  const { type: _, ...summary } = lines.find(({ type }) => type === 'summary');
  return {
    summary,
    loss: steps.map(({ loss }) => short(loss)),
    gradNorm: steps.map(({ gradNorm }) => short(gradNorm)),
    learningRate: steps.map(({ lr }) => short(lr)),
    lossScale: steps.map(({ lossScale }) => lossScale),
    skipped: steps.filter(({ skipped }) => skipped).map(({ step }) => step),
    evals: lines.filter(({ type }) => type === 'eval').map(({ step, valLoss }) => [step, short(valLoss)]),
  };
}

const runs = MODES.map(record);
const recording = { date: new Date().toISOString().slice(0, 10), preset: PRESET, steps: STEPS, runs };
writeFileSync(join(ROOT, 'public', 'recorded-run.json'), `${JSON.stringify(recording)}\n`);
