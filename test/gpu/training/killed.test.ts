/** `npm run train -- --save`: the process is killed at random moments, also during saves, and resumed. */
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { WAIT_MS } from '../../../e2e/limits.ts';

const SCRIPT = fileURLToPath(new URL('../../../scripts/cli.mjs', import.meta.url));
const KILLS = 4;
/** The run goes on for as long as there is something to kill, however fast the machine; then Ctrl-C ends it. */
const STEPS = 100_000;
const EVAL_EVERY = 2;
/** A save a step: a good part of the kills fall into one. */
const TRAIN = [
  'train --preset smoke --precision fp16 --loss-scale 2^34 --growth-interval 5',
  `--steps ${STEPS} --eval-every ${EVAL_EVERY} --eval-batches 1 --sample 0 --json`,
]
  .join(' ')
  .split(' ');

/** Runs the command line; `onStep` may end it, once, given how many steps it has reported. @returns its JSON lines */
function cli(
  args: readonly string[],
  onStep: (steps: number, end: (signal: 'SIGKILL' | 'SIGINT') => void) => void,
): Promise<string[]> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [SCRIPT, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: WAIT_MS,
    });
    let ended: 'SIGKILL' | 'SIGINT' | undefined;
    let out = '';
    let messages = '';
    const end = (signal: 'SIGKILL' | 'SIGINT'): void => {
      if (ended) return;
      ended = signal;
      child.kill(signal);
    };
    child.stdout.on('data', (chunk: Buffer) => {
      out += chunk;
      onStep(out.split('"type":"step"').length - 1, end);
    });
    child.stderr.on('data', (chunk: Buffer) => {
      messages += chunk;
    });
    child.on('close', (code, signal) => {
      if (ended === 'SIGKILL' ? signal === 'SIGKILL' : code === 0) resolve(out.split('\n').slice(0, -1));
      else reject(new Error(`exit code ${code}, signal ${signal}: ${messages}`));
    });
  });
}

const of = (type: string, lines: readonly string[]) =>
  lines.filter((line) => line.startsWith(`{"type":"${type}"`));
const stepOf = (line: string | undefined) => (JSON.parse(line!) as { step: number }).step;

test(`${KILLS} kills, and every step and evaluation is the one of an undisturbed run`, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'halfstep-'));
  const file = join(folder, 'run.safetensors');
  try {
    const visits: string[][] = [];
    for (let kill = 0; kill <= KILLS; kill++) {
      const begin = kill === 0 ? TRAIN : ['train', '--resume', file, '--json'];
      // After 7 to 12 steps of every process.
      const last = 7 + ((kill * 5) % 6);
      const delay = kill * 3;
      const told = await cli([...begin, '--save', file, '--save-every', '1'], (steps, end) => {
        if (steps >= last) setTimeout(end, delay, kill < KILLS ? 'SIGKILL' : 'SIGINT');
      });
      visits.push(told);
    }
    expect(readdirSync(folder)).toEqual(['run.safetensors']);

    const reached = Math.max(...visits.map((lines) => stepOf(of('step', lines).at(-1))));
    const undisturbed = await cli(TRAIN, (steps, end) => steps >= reached && end('SIGINT'));
    const whole = of('step', undisturbed);
    for (const [visit, lines] of visits.entries()) {
      const steps = of('step', lines);
      const first = stepOf(steps[0]);
      expect(first, `first step of process ${visit}`).toBeGreaterThan(visit === 0 ? 0 : 1);
      expect(steps).toEqual(whole.slice(first - 1, first - 1 + steps.length));
    }
    // The next process took, in this order, the evaluations that a kill cut off. Ctrl-C evaluates at the step it stops at.
    const evals = (lines: readonly string[]) =>
      of('eval', lines).filter((line) => stepOf(line) <= reached && stepOf(line) % EVAL_EVERY === 0);
    expect([...new Set(visits.flatMap(evals))]).toEqual(evals(undisturbed));
  } finally {
    rmSync(folder, { recursive: true });
  }
});
