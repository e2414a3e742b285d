/**
 * `npm run test:ddp`: a saved run that goes on in `train_ddp.py`, two CPU processes over gloo, has the losses of the same run
 * that goes on here. A command of its own, since it needs PyTorch: `PYTHON=/usr/bin/python3` chooses one that has it.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const PYTHON = process.env.PYTHON ?? 'python3';
const SAVED = 12;
const STEPS = 18;
const PROCESSES = 2;
/** A process that takes longer hangs, such as one that waits for another which has failed. */
const LIMIT_MS = 1_800_000;
/** fp32: sums of f32 in another order. bf16: autocast keeps attention's rounding and sums elsewhere than Halfstep. */
const MODES = { fp32: 1e-4, bf16: 2e-3 };

const script = (name) => fileURLToPath(new URL(name, import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'halfstep-ddp-'));
const text = join(folder, 'text.txt');

function lossesOf(text) {
  const lines = text.split('\n').filter((line) => line.startsWith('{'));
  const steps = lines.map((line) => JSON.parse(line)).filter(({ type }) => type === 'step');
  return new Map(steps.map(({ step, loss }) => [step, loss]));
}

async function output(command, args, env = {}) {
  const child = spawn(command, args, { env: { ...process.env, ...env }, timeout: LIMIT_MS });
  let out = '';
  let messages = '';
  child.stdout.on('data', (chunk) => {
    out += chunk;
  });
  child.stderr.on('data', (chunk) => {
    messages += chunk;
  });
  const [code, signal] = await once(child, 'close');
  if (code !== 0) throw new Error(`${command} ${args.join(' ')} ends with ${code ?? signal}:\n${messages}`);
  return out;
}

const train = async (...args) =>
  lossesOf(
    await output(process.execPath, [
      ...[script('cli.mjs'), 'train', ...args],
      ...['--data', text, '--json', '--sample', '0', '--eval-batches', '1'],
    ]),
  );

/** With what torchrun tells its processes: the one of Debian 12 does not start with its Python. */
async function trainTogether(...args) {
  const port = await freePort();
  const processes = Array.from({ length: PROCESSES }, (_, rank) =>
    output(PYTHON, [script('../public/train_ddp.py'), ...args], {
      RANK: String(rank),
      LOCAL_RANK: String(rank),
      WORLD_SIZE: String(PROCESSES),
      MASTER_ADDR: '127.0.0.1',
      MASTER_PORT: String(port),
      CUDA_VISIBLE_DEVICES: '',
      OMP_NUM_THREADS: '1',
    }),
  );
  return lossesOf((await Promise.all(processes)).join(''));
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

async function compare(mode, bound) {
  const run = join(folder, `${mode}.safetensors`);
  const out = join(folder, `${mode}-out.safetensors`);
  const asked = ['--preset', 'smoke', '--warmup', '4', '--accum', '2', '--eval-every', '0'];
  await train(...asked, '--precision', mode, '--steps', String(SAVED), '--save', run);
  const here = await train('--resume', run, '--steps', String(STEPS));
  const there = await trainTogether(run, '--data', text, '--steps', String(STEPS), '--out', out);
  const errors = Array.from({ length: STEPS - SAVED }, (_, i) =>
    Math.abs(here.get(SAVED + 1 + i) - there.get(SAVED + 1 + i)),
  );
  const worst = Math.max(...errors);
  console.log(
    `${mode}: ${errors.length} losses differ by at most ${worst.toExponential(1)} nats, bound ${bound}`,
  );
  // The way back: what PyTorch wrote is a model that a run can start from.
  await train('--init', out, '--steps', '1', '--eval-every', '0');
  return worst <= bound;
}

try {
  const words = ['the ', 'whale ', 'sea ', 'and ', 'ship, ', 'café '];
  const written = Array.from({ length: 4000 }, (_, i) => words[(i * i + (i >> 2)) % words.length]);
  writeFileSync(text, written.join(''));
  for (const [mode, bound] of Object.entries(MODES)) {
    if (!(await compare(mode, bound))) process.exitCode = 1;
  }
} finally {
  rmSync(folder, { recursive: true });
}
