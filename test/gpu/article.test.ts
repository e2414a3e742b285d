/** `npm run article` as a process: every row at its batch, and what is lost without a scaler. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';
import { WAIT_MS } from '../../e2e/limits.ts';
import { TABLE_MODES, TABLE_STEPS } from '../../src/engine/experiments/articleTable.ts';
import type { RunSummary } from '../../src/engine/index.ts';

const SCRIPT = fileURLToPath(new URL('../../scripts/cli.mjs', import.meta.url));
const FOLDER = mkdtempSync(join(tmpdir(), 'halfstep-'));
afterAll(() => rmSync(FOLDER, { recursive: true }));

interface Written {
  readonly mode: string;
  readonly config: { readonly batch: number };
  readonly summary: RunSummary;
  readonly error: unknown;
  readonly unscaled?: { readonly lostShare: number; readonly withoutGradient: string[] };
}

test('the article’s table is made in the terminal', () => {
  const file = join(FOLDER, 'article.json');
  const args = ['article', '--preset', 'smoke', '--budget', '4MiB', '--json', file];
  const done = spawnSync(process.execPath, [SCRIPT, ...args], { encoding: 'utf8', timeout: WAIT_MS });
  if (done.error) throw done.error;
  expect(done.status, done.stderr).toBe(0);
  expect(done.stdout).toMatch(/^FP32 .* 12,599 {2}/m);
  expect(done.stdout).toContain('TF32 is simulated');
  const { rows } = JSON.parse(readFileSync(file, 'utf8')) as { rows: Written[] };
  expect(rows.map(({ mode }) => mode)).toEqual([...TABLE_MODES]);
  for (const { mode, summary, error } of rows) {
    expect([summary.steps, error], mode).toEqual([TABLE_STEPS, null]);
    expect(summary.memory.total, mode).toBeLessThanOrEqual(4 * 2 ** 20);
    expect(summary.tokensPerSec, mode).toBeGreaterThan(0);
  }
  const [fp32, , half, both, unscaled] = rows;
  expect(half!.config.batch).toBeGreaterThan(fp32!.config.batch);
  // The fourth row is the third.
  expect(both!.summary.valLoss).toBe(half!.summary.valLoss);
  expect(unscaled!.unscaled!.lostShare).toBeGreaterThan(0.5);
  expect(unscaled!.unscaled!.withoutGradient.join()).toContain('mlp.c_fc.weight');
  expect(unscaled!.summary.valLoss).toBeGreaterThan(half!.summary.valLoss!);
});
