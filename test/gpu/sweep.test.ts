/** `npm run sweep` as a process that is killed midway: its finished cells are kept, and it continues from there. */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';
import { WAIT_MS } from '../../e2e/limits.ts';
import { loadSweep } from '../../src/cli/sweepStore.ts';

const SCRIPT = fileURLToPath(new URL('../../scripts/cli.mjs', import.meta.url));
const FOLDER = mkdtempSync(join(tmpdir(), 'halfstep-'));
const FILE = join(FOLDER, 'sweep.json');
const MODEL =
  '--preset smoke --layers 1 --width 16 --ctx 16 --batch 2 --steps 3 --eval-batches 1 --text copy'.split(' ');
const sweep = (...options: string[]) => ['sweep', ...MODEL, '--json', FILE, '--lrs', '1e-3', ...options];
const cellsThere = () => (existsSync(FILE) ? loadSweep(FILE)!.cells : []);

afterAll(() => rmSync(FOLDER, { recursive: true }));

function cli(args: readonly string[]) {
  const done = spawnSync(process.execPath, [SCRIPT, ...args], { encoding: 'utf8', timeout: WAIT_MS });
  if (done.error) throw done.error;
  return done;
}

/** Kills the process as soon as this many cells are on disk. */
async function killAfter(cells: number, args: readonly string[]): Promise<void> {
  const child = spawn(process.execPath, [SCRIPT, ...args], { stdio: 'ignore', timeout: WAIT_MS });
  const ended = new Promise((resolve) => child.on('exit', (_, signal) => resolve(signal)));
  const poll = setInterval(() => cellsThere().length >= cells && child.kill('SIGKILL'), 5);
  expect(await ended, `signal that ended the sweep, with ${cellsThere().length} cells there`).toBe('SIGKILL');
  clearInterval(poll);
}

test('a killed sweep loses no cell, continues from where it was, and can be extended', async () => {
  // Far more cells than can be trained between the second cell and the next poll of the file.
  const asked = sweep('--modes', 'fp32,fp16', '--seeds', '100');
  await killAfter(2, asked);
  const kept = cellsThere();
  expect(kept.length).toBeGreaterThanOrEqual(2);
  expect(kept.length).toBeLessThan(200);

  const small = cli(sweep('--modes', 'fp32,fp16', '--seeds', '3'));
  expect(small.status, small.stderr).toBe(0);
  expect(small.stderr).toContain(`${Math.min(6, kept.length)} of 6 cells are already finished.`);
  const after = cellsThere();
  expect(after.slice(0, kept.length)).toEqual(kept);
  expect(after.length).toBe(Math.max(6, kept.length));
  for (const { loss } of after) expect(loss).toBeGreaterThan(0);

  const shown = cli(['sweep', '--json', FILE]);
  expect(shown).toMatchObject({ status: 0, stderr: '', stdout: small.stdout });
  const before = readFileSync(FILE, 'utf8');
  const other = cli([...sweep('--modes', 'fp32'), '--beta2', '0.95']);
  expect(other.status).toBe(2);
  expect(other.stderr).toContain('belongs to another sweep: beta2 was 0.99 and is now 0.95.');
  expect(readFileSync(FILE, 'utf8')).toBe(before);
});

test('a sweep continues with the preset of its file, even where the default of the adapter is another', () => {
  const file = join(FOLDER, 'starter.json');
  const options = '--modes fp32 --lrs 1e-3 --steps 1 --eval-batches 1 --text copy'.split(' ');
  const asked = ['sweep', ...options, '--json', file];
  const begun = cli([...asked, '--preset', 'starter']);
  expect(begun.status, begun.stderr).toBe(0);
  const again = cli(asked);
  expect(again.status, again.stderr).toBe(0);
  expect(again.stderr).toContain('1 of 1 cells are already finished.');
  expect(again.stderr).not.toContain('so preset');
});
