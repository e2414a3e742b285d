/** `npm run train`: what remains of a run that had to stop, whose final save failed, or whose output pipe was closed. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';

const SCRIPT = fileURLToPath(new URL('../../../scripts/cli.mjs', import.meta.url));
/** Many times the duration of a run of a few steps on a busy machine. */
const LIMIT_MS = 300_000;
const BATCHES = 'train --eval-every 0 --eval-batches 2 --sample 8 --json';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'halfstep-'));
});
afterEach(() => rmSync(folder, { recursive: true }));
const at = (name: string) => join(folder, name);

interface Line {
  readonly type: string;
  readonly step: number;
  readonly skipped: boolean;
  readonly valLoss: number;
}

function cli(options: string, ...files: string[]) {
  const args = [...`${BATCHES} ${options}`.split(' '), ...files];
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, [SCRIPT, ...args], {
    encoding: 'utf8',
    timeout: LIMIT_MS,
  });
  expect(signal, `${LIMIT_MS / 1000} s are over for ${args.join(' ')}: ${stderr}`).toBeNull();
  const lines = stdout
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Line);
  const lossOf = (type: string) => lines.find((line) => line.type === type)!.valLoss;
  return { status, stderr, steps: lines.filter(({ type }) => type === 'step'), lossOf };
}

/** Steps that overflow all along, once the learning rate has made gradients large. */
const SKIPPING = '--preset smoke --precision fp16-static --loss-scale 2^18 --lr 0.1 --warmup 10 --steps 400';

test('after ten skips in a row the final state is saved, exported and sampled, and the error names the files', () => {
  const [run, model] = [at('run.safetensors'), at('model')];
  const failed = cli(`${SKIPPING} --save-every 0`, '--save', run, '--export', model);
  expect(failed.status).toBe(1);
  expect(failed.steps.slice(-10).some(({ skipped }) => skipped)).toBe(true);
  expect(failed.stderr).toContain('error: 10 steps in a row were skipped');
  expect(failed.stderr).toContain(`saved in "${run}" and exported to "${model}"`);
  expect(failed.stderr).toContain('A sample of 8 tokens');

  // Both hold the weights that were evaluated at the end.
  const measured = cli('--preset smoke --precision fp32 --steps 0', '--init', model);
  const exact = cli('--preset smoke --precision fp16-static --steps 0', '--init', model);
  expect(exact.lossOf('summary')).toBe(failed.lossOf('summary'));
  expect(measured.lossOf('summary')).toBeCloseTo(failed.lossOf('summary'), 2);
  // It has skipped too many steps in a row to continue.
  const resumed = cli('--f16 auto', '--resume', run);
  expect({ status: resumed.status, steps: resumed.steps }).toEqual({ status: 1, steps: [] });
  expect(resumed.stderr).toContain(`Nothing since "${run}" was saved`);
  expect(resumed.lossOf('summary')).toBe(failed.lossOf('summary'));
});

test('without output files the error names the options that would have kept the run', () => {
  const { status, stderr } = cli(SKIPPING);
  expect(status).toBe(1);
  expect(stderr).toContain('The weights were not saved; use --save FILE or --export DIR');
});

test('a run whose final save fails still prints its summary, is exported and sampled', () => {
  const [run, model] = [at('run.safetensors'), at('model')];
  // Like a full disk, this prevents the save from creating its temporary file.
  mkdirSync(`${run}.tmp`);
  const { status, stderr, lossOf } = cli('--preset smoke --steps 3', '--save', run, '--export', model);
  expect(status).toBe(1);
  expect(stderr).toContain(`error: Cannot write "${run}"`);
  expect(stderr).toContain('A sample of 8 tokens');
  expect(lossOf('summary')).toBeGreaterThan(0);
  expect(existsSync(run)).toBe(false);
  expect(readdirSync(model)).toContain('model.safetensors');
});

test.each(['stdout', 'stderr'] as const)(
  'a run whose reader of %s ends, as `tee` does at Ctrl-C, stops and is saved',
  async (stream) => {
    const run = at('run.safetensors');
    const args = `${BATCHES} --preset smoke --steps 1000000 --save-every 0 --save ${run}`.split(' ');
    const child = spawn(process.execPath, [SCRIPT, ...args], { stdio: 'pipe', timeout: LIMIT_MS });
    const ended = once(child, 'exit');
    child.stderr.resume();
    await once(child.stdout, 'data'); // the first step
    child[stream].destroy();
    // Without a reader of its own the other would stop the run when its pipe is full.
    (stream === 'stdout' ? child.stderr : child.stdout).resume();
    expect(await ended, `exit code and signal within ${LIMIT_MS / 1000} s`).toEqual([0, null]);
    expect(existsSync(run)).toBe(true);
  },
);
