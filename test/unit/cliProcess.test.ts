/** Tests the command line as a separate process, for behaviour that only shows from outside. No GPU is needed. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, constants, mkdtempSync, openSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, expect, test } from 'vitest';
import { WAIT_MS } from '../../e2e/limits.ts';

const SCRIPT = fileURLToPath(new URL('../../scripts/cli.mjs', import.meta.url));

function cli(args: readonly string[], env: Record<string, string> = {}) {
  const result = spawnSync(process.execPath, [SCRIPT, ...args], {
    encoding: 'utf8',
    env: { ...process.env, ...env },
    timeout: WAIT_MS,
  });
  if (result.error) throw result.error;
  return { status: result.status, stdout: result.stdout, stderr: result.stderr };
}

// The first call builds the program.
beforeAll(() => {
  expect(cli(['train', '--help']).stderr).toBe('');
});

test('--help writes to standard output and exits with 0', () => {
  const { status, stdout, stderr } = cli(['train', '--help']);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  expect(stdout).toMatch(/^Usage: npm run train -- \[options\]\n/);
});

test('the help of sweep has its own defaults, and mentions no option that it does not have', () => {
  const { stdout } = cli(['sweep', '--help']);
  expect(stdout).toMatch(/--eval-every N[^[]+\[0\]/);
  expect(stdout).toMatch(/--min-lr N[^[]+\[lr \/ 10\]/);
  expect(stdout).not.toContain('--lr ');
  for (const command of ['sweep', 'compare', 'article', 'plan']) {
    expect(cli([command, '--help']).stdout).not.toMatch(/listed below|numerics-every/);
  }
});

test('wrong use exits with 2, says what and how, and writes nothing to standard output', () => {
  expect(cli(['train', '--preset', 'smok'])).toEqual({
    status: 2,
    stdout: '',
    stderr: 'error: There is no preset "smok".\nDid you mean "smoke"?\n',
  });
  expect(cli(['train', '--data', '/no/such/file', '--json'])).toMatchObject({ status: 2, stdout: '' });
  expect(cli(['train', '--text', 'copy', '--ctx', '100000'])).toMatchObject({ status: 2, stdout: '' });
  expect(cli(['article', '--budget', '0'])).toMatchObject({ status: 2, stdout: '' });
  expect(cli(['article', '--preset', 'smok'])).toMatchObject({
    status: 2,
    stderr: expect.stringContaining('There is no preset of the table "smok".\nDid you mean "smoke"?'),
  });
  expect(cli(['trian'])).toMatchObject({ status: 2, stdout: '' });
});

test('a file to save to that another process has locked, or that cannot be created, is refused before anything is read', () => {
  const folder = mkdtempSync(join(tmpdir(), 'halfstep-'));
  try {
    const path = join(folder, 'run.safetensors');
    const args = ['train', '--preset', 'smoke', '--data', '/no/such/file', '--save'];
    writeFileSync(`${path}.lock`, `${process.pid} ${hostname()}`);
    const taken = cli([...args, path]);
    expect(taken).toMatchObject({ status: 2, stdout: '' });
    expect(taken.stderr).toContain(`error: "${path}" is in use by process ${process.pid}`);

    const missing = join(folder, 'missing', 'run.safetensors');
    const { status, stderr } = cli([...args, missing]);
    expect(status).toBe(2);
    expect(stderr).toContain(`error: Cannot write "${missing}": there is no folder "${dirname(missing)}".`);

    // A later failure releases the lock.
    cli([...args, join(folder, 'other.safetensors')]);
    expect(readdirSync(folder)).toEqual(['run.safetensors.lock']);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test.each(['SIGINT', 'SIGTERM'] as const)(
  '%s before the first step ends the process by the signal, and releases the lock',
  async (signal) => {
    const folder = mkdtempSync(join(tmpdir(), 'halfstep-'));
    const pipe = join(folder, 'text');
    expect(spawnSync('mkfifo', [pipe]).status).toBe(0);
    const save = join(folder, 'run.safetensors');
    const args = [SCRIPT, 'train', '--preset', 'smoke', '--data', pipe, '--save', save];
    const child = spawn(process.execPath, args, { stdio: 'ignore', timeout: WAIT_MS });
    const ended = once(child, 'exit');
    // This resolves when the command opens the pipe, after which it waits for a text that never comes.
    const opened = open(pipe, 'w');
    try {
      const text = await Promise.race([opened, ended]);
      expect(text).not.toBeInstanceOf(Array);
      expect(readdirSync(folder)).toContain('run.safetensors.lock');
      child.kill(signal);
      expect(await ended).toEqual([null, signal]);
      expect(readdirSync(folder)).toEqual(['text']);
    } finally {
      child.kill('SIGKILL');
      // Without a reader, opening the pipe would block forever.
      closeSync(openSync(pipe, constants.O_RDONLY | constants.O_NONBLOCK));
      await (await opened).close();
      rmSync(folder, { recursive: true });
    }
  },
);

test('a report of bench that cannot be written is refused before anything is measured', () => {
  const { status, stderr } = cli(['bench', '--only', 'roofline', '--json', '/no/such/report.json'], {
    VK_ICD_FILENAMES: '/no/such_icd.json',
  });
  expect(status).toBe(2);
  expect(stderr).toContain('error: Cannot write "/no/such/report.json": there is no folder "/no/such".');
});

test('no adapter exits with 1, the reason and the fix', () => {
  const { status, stdout, stderr } = cli(['train', '--preset', 'smoke', '--json'], {
    VK_ICD_FILENAMES: '/no/such_icd.json',
  });
  expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
  expect(stderr).toContain('error: No GPU adapter: VK_ICD_FILENAMES names /no/such_icd.json');
});
