/** The command line as a process of its own: what only shows from outside, without a GPU. */
import { spawnSync } from 'node:child_process';
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

test('--help goes to standard output and is a success', () => {
  const { status, stdout, stderr } = cli(['train', '--help']);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  expect(stdout).toMatch(/^Usage: npm run train -- \[options\]\n/);
});

test('the help of a sweep has its own defaults, and speaks of no option that it does not have', () => {
  const { stdout } = cli(['sweep', '--help']);
  expect(stdout).toMatch(/--eval-every N[^[]+\[0\]/);
  expect(stdout).toMatch(/--min-lr N[^[]+\[lr \/ 10\]/);
  expect(stdout).not.toContain('--lr ');
  for (const command of ['sweep', 'compare', 'plan']) {
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
  expect(cli(['trian'])).toMatchObject({ status: 2, stdout: '' });
});

test('no adapter exits with 1, the reason and the fix', () => {
  const { status, stdout, stderr } = cli(['train', '--preset', 'smoke', '--json'], {
    VK_ICD_FILENAMES: '/no/such_icd.json',
  });
  expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
  expect(stderr).toContain('error: No GPU adapter: VK_ICD_FILENAMES names /no/such_icd.json');
});
