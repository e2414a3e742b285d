/** Runs `npm run plan` as a process, which needs no GPU. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { beforeAll, expect, test } from 'vitest';
import { WAIT_MS } from '../../e2e/limits.ts';
import { listOf } from '../../src/cli/arguments.ts';
import { parseBytes } from '../../src/cli/format.ts';
import { PRESETS } from '../../src/engine/config/presets.ts';
import { RECOMPUTE_LEVELS } from '../../src/engine/config/trainConfig.ts';
import { largestBatch } from '../../src/engine/model/largestBatch.ts';
import { memoryPlan } from '../../src/engine/model/memoryPlan.ts';
import { PRECISION_MODES, type PrecisionMode, quantizesHead } from '../../src/engine/precision/recipes.ts';
import { thrownBy } from './thrownBy.ts';

const SCRIPT = fileURLToPath(new URL('../../scripts/cli.mjs', import.meta.url));
const LIMITS = { maxBindingBytes: 2 ** 31 };
const CHARACTERS = 96;

function plan(...args: string[]) {
  const { status, stdout, stderr, error } = spawnSync(process.execPath, [SCRIPT, 'plan', ...args], {
    encoding: 'utf8',
    timeout: WAIT_MS,
  });
  if (error) throw error;
  return { status, stdout, stderr };
}

interface Plan {
  readonly modes: readonly { precision: PrecisionMode; largestBatch: number; memory: { total: number } }[];
}

// The first call builds the program.
beforeAll(() => {
  expect(plan('--help').stdout).toMatch(/^Usage: npm run plan/);
});

test('the largest batch of every mode is the last that fits the budget, by the plan that runs allocate', () => {
  const budget = 100 * 2 ** 20;
  const { modes } = JSON.parse(plan('--preset', 'small', '--budget', '100MiB', '--json').stdout) as Plan;
  expect(modes.map(({ precision }) => precision)).toEqual(PRECISION_MODES);
  for (const { precision, largestBatch, memory } of modes) {
    const bytes = (batch: number) =>
      memoryPlan({ ...PRESETS.small.config, precision, batch }, CHARACTERS, LIMITS).bytes.total;
    expect(memory.total).toBe(bytes(largestBatch));
    expect(memory.total).toBeLessThanOrEqual(budget);
    expect(bytes(largestBatch + 1)).toBeGreaterThan(budget);
  }
  const batchOf = (mode: PrecisionMode) => modes.find(({ precision }) => precision === mode)!.largestBatch;
  expect(batchOf('fp16')).toBeGreaterThan(1.4 * batchOf('fp32'));
});

test('with saving the table includes the copy, and the largest batch is smaller', () => {
  const [json, table] = [['--json'], []].map(
    (more) => plan('--preset', 'gpt2', '--budget', '4GiB', '--precision', 'fp32', '--saved', ...more).stdout,
  );
  const config = { ...PRESETS.gpt2.config, precision: 'fp32' } as const;
  const [mode] = (JSON.parse(json!) as Plan).modes;
  const limits = { ...LIMITS, saved: true };
  expect(mode!.largestBatch).toBe(largestBatch(config, CHARACTERS, limits, 2 ** 32).batch);
  expect(mode!.largestBatch).toBeLessThan(largestBatch(config, CHARACTERS, LIMITS, 2 ** 32).batch);
  expect(table).toMatch(/ snapshot +total$/m);
});

test('a budget below the parameters fits no batch, and says so in the table', () => {
  const { status, stdout } = plan('--preset', 'gpt2', '--budget', '64MiB', '--precision', 'fp32');
  expect(status).toBe(0);
  expect(stdout).toMatch(/^fp32 +none fits/m);
});

test('recomputation allows larger batches, and the table says which level a batch needs', () => {
  const args = ['--preset', 'gpt2-163m', '--budget', '24GiB', '--precision', 'fp32,fp16', '--json'];
  const batches = (...more: string[]) =>
    (JSON.parse(plan(...args, ...more).stdout) as Plan).modes.map(({ largestBatch }) => largestBatch);
  const [kept, gelu, geluAndNorms, blocks] = RECOMPUTE_LEVELS.map((level) => batches('--recompute', level));
  expect(kept![0]).toBeGreaterThanOrEqual(32);
  expect(gelu![1]).toBeGreaterThanOrEqual(64);
  for (const i of [0, 1]) {
    expect(gelu![i]).toBeGreaterThan(kept![i]!);
    expect(geluAndNorms![i]).toBeGreaterThan(gelu![i]!);
    expect(blocks![i]).toBeGreaterThan(2 * geluAndNorms![i]!);
  }
  const { stdout } = plan('--preset', 'gpt2-163m', '--budget', '24GiB', '--batch', '64');
  expect(stdout).toMatch(/^fp32: a batch of 64 fits with --recompute block\.$/m);
  expect(stdout).toMatch(/^fp16: a batch of 64 fits with --recompute gelu\.$/m);
  expect(plan('--batch', '9999', '--budget', '64MiB').stdout).toContain(
    'fp32: a batch of 9999 does not fit at any level of recomputation.',
  );
});

test('modes that do not support an optimizer state are left out, unless they are asked for', () => {
  const args = ['--preset', 'smoke', '--optim-state', 'fp8'];
  expect(plan(...args).stdout).toMatch(
    /^Left out: fp16-pure, bf16-sr, bf16-pure\. Optimizer state fp8 needs f32 master/m,
  );
  const { modes, leftOut } = JSON.parse(plan(...args, '--json').stdout);
  expect(leftOut).toEqual(['fp16-pure', 'bf16-sr', 'bf16-pure']);
  expect(modes).toHaveLength(PRECISION_MODES.length - leftOut.length);
  expect(plan(...args, '--precision', 'fp32,bf16-sr')).toMatchObject({
    status: 2,
    stderr: expect.stringContaining('mode bf16-sr keeps none'),
  });
});

test('an optimizer state that the optimizer does not take is refused with those that it does', () => {
  expect(plan('--preset', 'smoke', '--optimizer', 'lion', '--optim-state', 'fp8')).toMatchObject({
    status: 2,
    stderr: expect.stringMatching(/lion does not support optimizer state fp8.*f32 or bf16.*adamw/s),
  });
});

test('options of FP8 reach the modes that take them, and the others stay as they are', () => {
  const totals = (...args: string[]) => {
    const { modes } = JSON.parse(plan('--preset', 'smoke', '--json', ...args).stdout) as Plan;
    return new Map(modes.map(({ precision, memory }) => [precision, memory]));
  };
  const [plain, given] = [totals(), totals('--quantize-head', '--amax-history', '1024', '--steps', '300')];
  for (const precision of PRECISION_MODES) {
    const same = JSON.stringify(plain.get(precision)) === JSON.stringify(given.get(precision));
    expect(same, precision).toBe(!quantizesHead(precision));
  }
  expect(plan('--quantize-head', '--precision', 'fp32')).toMatchObject({
    status: 2,
    stderr: expect.stringContaining('Mode fp32 has no quantised LM head, but quantize-head was given.'),
  });
});

test('wrong use exits with 2 and names what is wrong', () => {
  expect(plan('--precision', 'fp32,fp17')).toEqual({
    status: 2,
    stdout: '',
    stderr: 'error: There is no precision mode "fp17".\nDid you mean "fp16"?\n',
  });
  expect(plan('--budget', '24X').stderr).toContain('Write a size such as 24GiB');
  expect(plan('--vocab', '0').stderr).toContain('vocab is 0.\nIt must be a whole number from 1 to 1048576.');
  expect(plan('--recompute', 'gelu-nl').stderr).toContain('Did you mean "gelu-ln"?');
  expect(plan('small').stderr).toContain('npm run plan -- --preset small');
});

test.each([
  ['24GiB', 24 * 2 ** 30],
  ['512 MiB', 2 ** 29],
  ['1.5GB', 1.5e9],
  ['1048576', 2 ** 20],
])('%s is %d bytes', (text, bytes) => {
  expect(parseBytes('budget', text)).toBe(bytes);
});

test.each(['', '-1GiB', '0', '8', 'GiB', '1TiB', '1e3'])('"%s" is no size', (text) => {
  expect(thrownBy(() => parseBytes('budget', text))).toMatchObject({ code: 'BAD_VALUE' });
});

test('a list is checked name by name', () => {
  expect(listOf('only', undefined, ['a', 'b'])).toEqual(['a', 'b']);
  expect(listOf('only', 'b', ['a', 'b'])).toEqual(['b']);
  expect(thrownBy(() => listOf('only', 'a,,b', ['a', 'b']))).toMatchObject({ message: '--only has "".' });
});
