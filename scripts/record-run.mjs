/**
 * Records the runs that the page shows before it trains any: FP32, mixed f16, and f16 without loss scaling from the same
 * start, trained by the command line. Writes public/recorded-run.json.
 *
 *   node scripts/record-run.mjs
 *
 * Each mode is trained twice: once for its speed, and once with its gradients counted and samples written, which takes
 * time but changes no bit.
 */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rowText } from './recorded-frames.mjs';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const MODES = ['fp32', 'fp16', 'fp16-noscale'];
const PRESET = 'smoke';
const STEPS = 300;
const SAMPLES = 10;
const SAMPLE_LENGTH = 90;
const COUNT_EVERY = 5;

/** Steps whose gradients are kept: often while the runs part, and of FP32, in which nothing is lost, few. */
const isKept = (precision, step) => step % (precision === 'fp32' ? 50 : step <= 60 ? COUNT_EVERY : 10) === 0;
/** Steps at which the histograms of parameter gradients are kept too. */
const isWhole = (step) => step % 100 === 0;

/** Rounds to five digits, which is more than a chart shows. */
const short = (value) => (value === null ? null : Number(value.toPrecision(5)));

/** The lines that a run prints. */
function train(precision, ...more) {
  const args = ['scripts/cli.mjs', 'train', '--preset', PRESET, '--precision', precision];
  const output = spawnSync(process.execPath, [...args, '--steps', String(STEPS), '--json', ...more], {
    cwd: ROOT,
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (output.status !== 0) process.exit(1);
  const lines = output.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  return (type) => lines.filter((line) => line.type === type);
}

function record(precision) {
  const timed = train(precision, '--sample', '0');
  const looked = train(
    precision,
    ...['--sample', String(SAMPLE_LENGTH), '--samples', String(SAMPLES)],
    ...['--numerics-every', String(COUNT_EVERY)],
  );
  const steps = timed('step');
  if (JSON.stringify(steps) !== JSON.stringify(looked('step')))
    throw new Error(`${precision}: counting gradients and writing samples changed the run.`);
  const { type: _, ...summary } = timed('summary')[0];
  const frames = looked('numerics').filter(({ step }) => isKept(precision, step));
  const run = {
    summary,
    loss: steps.map(({ loss }) => short(loss)),
    gradNorm: steps.map(({ gradNorm }) => short(gradNorm)),
    learningRate: steps.map(({ lr }) => short(lr)),
    lossScale: steps.map(({ lossScale }) => lossScale),
    skipped: steps.filter(({ skipped }) => skipped).map(({ step }) => step),
    evals: timed('eval').map(({ step, valLoss }) => [step, short(valLoss)]),
    samples: looked('sample').map(({ step, text }) => ({ step, text })),
    numerics: {
      formats: frames[0].exponents.map(({ format }) => format),
      frames: frames.map(({ step, lossScale, exponents }) => ({
        step,
        scaleLog2: Math.log2(lossScale),
        rows: exponents
          .map((tensor) => (isWhole(step) || tensor.kind === 'activationGradient' ? rowText(tensor) : ''))
          .join(),
      })),
    },
  };
  return { run, tensors: frames[0].exponents.map(({ name, kind, block }) => [name, kind, block]) };
}

const records = MODES.map(record);
const [{ tensors }] = records;
if (records.some((record) => JSON.stringify(record.tensors) !== JSON.stringify(tensors)))
  throw new Error('The modes count different tensors.');
const recording = {
  ...{ date: new Date().toISOString().slice(0, 10), preset: PRESET, steps: STEPS, tensors },
  runs: records.map(({ run }) => run),
};
writeFileSync(join(ROOT, 'public', 'recorded-run.json'), `${JSON.stringify(recording)}\n`);
