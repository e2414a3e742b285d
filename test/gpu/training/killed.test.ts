/** `npm run train -- --save`: the process is killed at random moments, in the middle of saves too, and goes on. */
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const SCRIPT = fileURLToPath(new URL('../../../scripts/cli.mjs', import.meta.url));
const STEPS = 60;
const KILLS = 4;
/** A save a step: a good part of the kills fall into one. */
const TRAIN = [
  'train --preset smoke --precision fp16 --loss-scale 2^34 --growth-interval 5',
  `--steps ${STEPS} --eval-every 2 --eval-batches 1 --sample 0 --json`,
]
  .join(' ')
  .split(' ');

/** Runs the command line; `onStep` may kill it. @returns its JSON lines */
function cli(
  args: readonly string[],
  onStep: (step: number, kill: () => void) => void = () => {},
): Promise<string[]> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [SCRIPT, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    let killed = false;
    let out = '';
    let messages = '';
    const kill = (): void => {
      killed = true;
      child.kill('SIGKILL');
    };
    child.stdout.on('data', (chunk: Buffer) => {
      out += chunk;
      onStep(out.split('"type":"step"').length - 1, kill);
    });
    child.stderr.on('data', (chunk: Buffer) => {
      messages += chunk;
    });
    child.on('close', (code) => {
      if (code === 0 || killed) resolve(out.split('\n').slice(0, -1));
      else reject(new Error(`exit code ${code}: ${messages}`));
    });
  });
}

const of = (type: string, lines: readonly string[]) =>
  lines.filter((line) => line.startsWith(`{"type":"${type}"`));

test(`${KILLS} kills, and every step and evaluation is the one of an undisturbed run`, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'halfstep-'));
  const file = join(folder, 'run.safetensors');
  try {
    const undisturbed = await cli(TRAIN);
    const whole = of('step', undisturbed);
    expect(whole).toHaveLength(STEPS);
    const evals = new Set<string>();
    for (let kill = 0; kill <= KILLS; kill++) {
      const begin = kill === 0 ? TRAIN : ['train', '--resume', file, '--json'];
      // 7 to 12 steps of every process; the last one ends by itself.
      const last = kill === KILLS ? Number.POSITIVE_INFINITY : 7 + ((kill * 5) % 6);
      const delay = kill * 3;
      const told = await cli([...begin, '--save', file, '--save-every', '1'], (step, end) => {
        if (step >= last) setTimeout(end, delay);
      });
      const lines = of('step', told);
      for (const line of of('eval', told)) evals.add(line);
      expect(lines.length).toBeGreaterThan(0);
      const first = (JSON.parse(lines[0]!) as { step: number }).step;
      expect(lines).toEqual(whole.slice(first - 1, first - 1 + lines.length));
    }
    // Those that a kill cut off were made up for, in this order, by the process after it.
    expect([...evals]).toEqual(of('eval', undisturbed));
    expect(readdirSync(folder)).toEqual(['run.safetensors']);
  } finally {
    rmSync(folder, { recursive: true });
  }
}, 180_000);
