/**
 * `npm run test:ddp`: checks that a saved run resumed in `train_ddp.py`, with two CPU processes over gloo and with one
 * process without torchrun, has the same losses, skipped steps, learning rates and end as the same run resumed here. It is
 * a command of its own because it needs PyTorch; `PYTHON=/usr/bin/python3` selects a Python that has it.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const PYTHON = process.env.PYTHON ?? 'python3';
const SAVED = 12;
const STEPS = 18;
/** Steps of the run that skips steps with a rare character: enough for several skipped and several applied ones. */
const SKIPPING_STEPS = 42;
const MAX_SKIPS = 10;
const PROCESSES = 2;
/** A process that takes longer is considered hung, such as one that waits for another that has failed. */
const LIMIT_MS = 1_800_000;
/** Bounds in nats. In fp32 sums have another order. In bf16, autocast also rounds attention at other points than Halfstep. */
const MODES = { fp32: 1e-4, bf16: 2e-3 };
/** A character that is in a few of a hundred windows of the text. */
const RARE = '☃';

const script = (name) => fileURLToPath(new URL(name, import.meta.url));
const PROGRAM = script('../public/train_ddp.py');
const folder = mkdtempSync(join(tmpdir(), 'halfstep-ddp-'));
const text = join(folder, 'text.txt');
const failures = [];

function check(holds, what) {
  console.log(`${holds ? 'ok' : 'FAILED'}  ${what}`);
  if (!holds) failures.push(what);
}

/** @returns the exit code, the reported steps by number, the output and the error messages */
async function run(command, args, env = process.env) {
  const child = spawn(command, args, { env, timeout: LIMIT_MS });
  let out = '';
  let messages = '';
  child.stdout.on('data', (chunk) => {
    out += chunk;
  });
  child.stderr.on('data', (chunk) => {
    messages += chunk;
  });
  const [code, signal] = await once(child, 'close');
  if (signal) throw new Error(`${args.join(' ')} was ended after ${LIMIT_MS / 1000} s:\n${messages}`);
  const lines = out.split('\n').filter((line) => line.startsWith('{'));
  const steps = lines.map((line) => JSON.parse(line)).filter(({ type }) => type === 'step');
  return { code, steps: new Map(steps.map((step) => [step.step, step])), messages, out };
}

async function train(...args) {
  const asked = ['train', ...args, '--data', text, '--json', '--sample', '0', '--eval-batches', '1'];
  return run(process.execPath, [script('cli.mjs'), ...asked]);
}

async function trained(...args) {
  const done = await train(...args);
  if (done.code !== 0) throw new Error(`train ${args.join(' ')} exits with ${done.code}:\n${done.messages}`);
  return done;
}

/** An environment without torchrun's variables. */
function alone() {
  const { RANK, LOCAL_RANK, WORLD_SIZE, MASTER_ADDR, MASTER_PORT, ...env } = process.env;
  return { ...env, CUDA_VISIBLE_DEVICES: '', OMP_NUM_THREADS: '1' };
}

/** Starts the processes with torchrun's variables. The torchrun of Debian 12 does not start with its Python. */
async function together(...args) {
  const port = await freePort();
  const done = await Promise.all(
    Array.from({ length: PROCESSES }, (_, rank) =>
      run(PYTHON, [PROGRAM, ...args], {
        ...alone(),
        RANK: String(rank),
        LOCAL_RANK: String(rank),
        WORLD_SIZE: String(PROCESSES),
        MASTER_ADDR: '127.0.0.1',
        MASTER_PORT: String(port),
      }),
    ),
  );
  check(
    done.every(({ code }) => code === done[0].code),
    `all processes exit with ${done[0].code}`,
  );
  return done[0];
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

/** Checks that both runs skip the same steps, with equal learning rates and with losses within the bound. */
function compare(what, here, there, first, last, bound) {
  const numbers = Array.from({ length: last - first + 1 }, (_, i) => first + i);
  const pairs = numbers.map((number) => [here.steps.get(number), there.steps.get(number)]);
  if (pairs.some((pair) => pair.includes(undefined))) {
    check(
      false,
      `${what}: steps ${first} to ${last}; there are ${[...there.steps.keys()]}\n${there.messages}`,
    );
    return [];
  }
  const worst = Math.max(...pairs.map(([a, b]) => (a.skipped && b.skipped ? 0 : Math.abs(a.loss - b.loss))));
  check(worst <= bound, `${what}: losses differ by at most ${worst.toExponential(1)} nats, bound ${bound}`);
  const skips = pairs.map(([a, b]) => [a.skipped, b.skipped]);
  const shown = skips.map(([, there]) => (there ? 'x' : '.')).join('');
  check(
    skips.every(([a, b]) => a === b),
    `${what}: the same steps are skipped, ${shown}`,
  );
  // Halfstep's learning rates are f32.
  const rates = pairs.every(([a, b]) => Math.abs(a.lr - b.lr) <= 2 ** -23 * a.lr);
  check(rates, `${what}: the same learning rates, which skipped steps do not advance`);
  return skips.map(([skipped]) => skipped);
}

async function resumes(mode, bound) {
  const saved = join(folder, `${mode}.safetensors`);
  const out = join(folder, `${mode}-out.safetensors`);
  const asked = ['--preset', 'smoke', '--warmup', '4', '--accum', '2', '--eval-every', '0', '--untied'];
  await trained(...asked, '--precision', mode, '--steps', String(SAVED), '--save', saved);
  const here = await trained('--resume', saved, '--steps', String(STEPS));
  const more = ['--data', text, '--steps', String(STEPS)];
  compare(mode, here, await together(saved, ...more, '--out', out), SAVED + 1, STEPS, bound);
  // The file that PyTorch wrote must be a model that a run can start from.
  await trained('--init', out, '--steps', '1', '--eval-every', '0');
  const single = await run(PYTHON, [PROGRAM, saved, ...more], alone());
  check(
    single.messages.includes('without torchrun'),
    `${mode}: a single process reports that it runs without torchrun`,
  );
  compare(`${mode}, one process`, here, single, SAVED + 1, STEPS, bound);
  return saved;
}

/** Blocks of other models: every option that the program computes is in one of them, and not with its usual value. */
const BLOCKS = {
  llama:
    '--norm rmsnorm --norm-epsilon 1e-6 --position rope --rope-base 500 --rope-scaling llama3:8:1:4:16 --mlp swiglu --biases none --kv-heads 1 --intermediate 80 --untied --z-loss 0.01',
  'qwen 2': '--norm rmsnorm --position rope --mlp geglu --biases qkv --kv-heads 1',
  'qwen 3': '--norm rmsnorm --position rope --mlp swiglu --biases none --qk-norm --head-size 24',
  'llama with biases': '--norm rmsnorm --position rope --mlp swiglu --biases all',
  'gpt2 with ReLU²': '--mlp relu2 --norm-epsilon 1e-3 --intermediate 96',
};
/** No family of models has them, so that the weights cannot be written as a model. */
const UNWRITTEN = {
  'soft caps and layer scale':
    '--attention-soft-cap 1.5 --logit-soft-cap 2 --layer-scale 0.5 --z-loss 0.01 --norm rmsnorm --qk-norm --biases qkv',
};
const BLOCK_STEPS = 10;

/** Checks ten steps of a run with other blocks, and that the model that PyTorch wrote predicts as it did. */
async function otherBlocks(name, options, mode, bound, isWritten) {
  const file = (what) => join(folder, `${mode}-${name.replaceAll(/\W+/g, '-')}-${what}.safetensors`);
  const [saved, out, resumed] = ['saved', 'out', 'resumed'].map(file);
  const given = `--preset smoke --warmup 2 --accum 2 --eval-every 0 --precision ${mode} --steps 2 ${options}`;
  await trained(...given.split(' '), '--save', saved);
  const steps = ['--steps', String(2 + BLOCK_STEPS)];
  const here = await trained('--resume', saved, ...steps);
  const more = [saved, '--data', text, ...steps];
  const there = await together(...more, ...(isWritten ? ['--out', out] : []));
  compare(`${mode}, ${name}`, here, there, 3, 2 + BLOCK_STEPS, bound);
  if (!isWritten) {
    const { code, messages } = await run(PYTHON, [PROGRAM, ...more, '--out', out], alone());
    check(code === 1 && messages.includes('attention-soft-cap 1.5'), messages.trim().split('\n').at(-1));
    return;
  }
  const loss = async (...model) => {
    const asked = ['evaluate', ...model, '--precision', 'fp32', '--data', text, '--json'];
    const { code, out, messages } = await run(process.execPath, [script('cli.mjs'), ...asked]);
    if (code !== 0) throw new Error(`${asked.join(' ')} exits with ${code}:\n${messages}`);
    return JSON.parse(out.trim().split('\n').at(-1)).loss;
  };
  await trained('--resume', saved, ...steps, '--save', resumed);
  const [written, own] = [await loss('--init', out), await loss('--resume', resumed)];
  const error = Math.abs(written - own);
  check(
    error <= bound,
    `${mode}, ${name}: the written model's loss differs by ${error.toExponential(1)}, bound ${bound}`,
  );
}

/** Writes a copy of the run with one row of a tensor made infinite. */
function poisoned(path, name, row) {
  const bytes = readFileSync(path);
  const size = Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.toString('utf8', 8, 8 + size));
  const { shape, data_offsets } = header[name];
  const columns = shape.at(-1);
  for (let i = 0; i < columns; i++) {
    bytes.writeFloatLE(Number.POSITIVE_INFINITY, 8 + size + data_offsets[0] + 4 * (row * columns + i));
  }
  const changed = path.replace('.safetensors', `-${name}.safetensors`);
  writeFileSync(changed, bytes);
  return { path: changed, description: JSON.parse(header.__metadata__.halfstep) };
}

/** Checks that exactly the steps with the rare character are skipped. */
async function skipsSome(mode, saved, bound) {
  const { characters } = poisoned(saved, 'wte.weight', 0).description.tokenizer;
  const { path } = poisoned(saved, 'wte.weight', [...characters].indexOf(RARE));
  const here = await trained('--resume', path, '--steps', String(SKIPPING_STEPS));
  const there = await together(path, '--data', text, '--steps', String(SKIPPING_STEPS));
  check(there.code === 0, `${mode}: a few skips do not end the run`);
  const skips = compare(`${mode}, some skips`, here, there, SAVED + 1, SKIPPING_STEPS, bound);
  const some = skips.filter(Boolean).length;
  check(some >= 3 && some <= skips.length - 3, `${mode}: ${some} of ${skips.length} steps are skipped`);
}

/** Checks that, when every step is skipped, both end after the tenth with the weights of the file. */
async function skipsAll(mode, saved) {
  const { path } = poisoned(saved, 'h.0.attn.c_proj.weight', 0);
  const out = join(folder, `${mode}-stopped.safetensors`);
  const here = await train('--resume', path, '--steps', '60');
  const there = await together(path, '--data', text, '--steps', '60', '--out', out);
  check(here.code === 1 && there.code === 1, `${mode}: ten skips in a row fail in both`);
  compare(`${mode}, all skipped`, here, there, SAVED + 1, SAVED + MAX_SKIPS, 0);
  check(there.steps.size === MAX_SKIPS, `${mode}: it ends after ${there.steps.size} steps`);
  check(there.messages.includes(`They are in ${out}`), `${mode}: the error says where the weights are`);
}

/** Checks that user errors give a one-line message without a traceback. */
async function refuses(saved) {
  const other = join(folder, 'other.safetensors');
  await trained('--preset', 'smoke', '--steps', '1', '--dropout', '0.1', '--save', other);
  const cases = {
    'no MASTER_ADDR': [[saved, '--data', text, '--steps', '18'], { RANK: '0', WORLD_SIZE: '1' }],
    'cannot read': [[saved, '--data', join(folder, 'none.txt'), '--steps', '18'], {}],
    'no run of Halfstep': [[text, '--data', text], {}],
    'dropout 0.1': [[other, '--data', text, '--steps', '18'], {}],
    'give a larger total': [[saved, '--data', text, '--steps', '3'], {}],
    'cannot write': [[saved, '--data', text, '--steps', '18', '--out', join(folder, 'none', 'out')], {}],
  };
  for (const [words, [args, env]] of Object.entries(cases)) {
    const { code, messages } = await run(PYTHON, [PROGRAM, ...args], { ...alone(), ...env });
    const named = words.split(' ').every((word) => messages.includes(word));
    check(code === 1 && named && !messages.includes('Traceback'), messages.trim().split('\n').at(-1));
  }
}

/** Tests of the loss scale, which needs no CUDA, unlike fp16: start, whether steps are skipped, and the resulting scales. */
const SCALES = [
  [2, [true, true, true], [1, 1, 1]],
  [2 ** 23, [false, false, false], [2 ** 24, 2 ** 24, 2 ** 24]],
  [2 ** 26, [false, true, false], [2 ** 26, 2 ** 25, 2 ** 25]],
];

async function scales() {
  const code = `
import json, sys
sys.dont_write_bytecode = True
sys.path.insert(0, ${JSON.stringify(dirname(PROGRAM))})
from train_ddp import LossScale
for scale, skips in json.loads(sys.argv[1]):
    one, trace = LossScale(float(scale), 0, 1), []
    for skipped in skips:
        one.update(skipped)
        trace.append(one.scale)
    print(json.dumps(trace))
`;
  const asked = JSON.stringify(SCALES.map(([scale, skips]) => [scale, skips]));
  const { out, messages } = await run(PYTHON, ['-c', code, asked], alone());
  const traces = out.trim().split('\n');
  for (const [i, [scale, , wanted]] of SCALES.entries()) {
    const trace = traces[i] ? JSON.parse(traces[i]) : messages;
    check(JSON.stringify(trace) === JSON.stringify(wanted), `scales from ${scale}: ${trace}`);
  }
}

try {
  const words = ['the ', 'whale ', 'sea ', 'and ', 'ship, ', 'café '];
  const written = Array.from({ length: 4000 }, (_, i) => words[(i * i + (i >> 2)) % words.length]);
  for (let i = 350; i < written.length; i += 700) written[i] = `${RARE} `;
  writeFileSync(text, written.join(''));
  await scales();
  for (const [mode, bound] of Object.entries(MODES)) {
    const saved = await resumes(mode, bound);
    await skipsSome(mode, saved, bound);
    await skipsAll(mode, saved);
    if (mode === 'fp32') await refuses(saved);
  }
  for (const [name, options] of Object.entries(BLOCKS)) {
    await otherBlocks(name, options, 'fp32', MODES.fp32, true);
  }
  for (const [name, options] of Object.entries(UNWRITTEN)) {
    await otherBlocks(name, options, 'fp32', MODES.fp32, false);
  }
  await otherBlocks('llama', BLOCKS.llama, 'bf16', MODES.bf16, true);
} finally {
  rmSync(folder, { recursive: true });
}
console.log(failures.length === 0 ? 'all checks passed' : `${failures.length} checks failed`);
if (failures.length > 0) process.exitCode = 1;
