/** The commands and dependencies of the packed archive, its table, and the ratios to PyTorch. */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build, type Rolldown } from 'vite';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { measureAll, plannedRuns, ratioRows, TORCH_MODES, timeLimit } from '../../../bench/pack/run.mjs';
import { WAIT_MS } from '../../../e2e/limits.ts';
import { parseBench } from '../../../src/cli/benchOptions.ts';
import { benchShape } from '../../../src/engine/bench/shapes.ts';
import { PRECISION_MODES } from '../../../src/engine/index.ts';

test('without options: roofline once, then every stage, shape and mode by itself, each a call that bench accepts', () => {
  const runs = plannedRuns([]);
  expect(runs.length).toBe(1 + 2 * 2 * 4);
  expect(runs[0]!.name).toBe('roofline');
  expect(runs.at(-1)).toEqual({
    name: 'kernels-gpt2-163m-tf32',
    args: '--only kernels --shapes gpt2-163m --precision tf32 --budget 24GiB'.split(' '),
  });
  for (const { args } of runs) {
    const command = parseBench(args);
    if (command.kind !== 'bench') throw new Error('help is no run');
    expect(command.budget).toBe(24 * 2 ** 30);
    for (const shape of command.shapes!) expect(() => benchShape(shape)).not.toThrow();
  }
});

test('nothing is missing on a machine without packages: Node and Dawn are all that is imported', async () => {
  const { output } = (await build({
    ...{ configFile: 'vite.cli.config.ts', mode: 'pack', logLevel: 'error' },
    build: { write: false, sourcemap: false },
  })) as Rolldown.RolldownOutput;
  const chunks = output.filter((file) => file.type === 'chunk');
  const own = new Set(chunks.map(({ fileName }) => fileName));
  const imported = new Set(chunks.flatMap(({ imports, dynamicImports }) => [...imports, ...dynamicImports]));
  expect([...imported].filter((name) => !own.has(name) && !isBuiltin(name))).toEqual(['webgpu']);
  expect(output.map(({ fileName }) => fileName)).toContain('LICENSES.md');
});

test('the full shape is GPT-2 with an untied head, 163 million parameters', () => {
  const { layers, heads, width, context, vocabulary, tied } = benchShape('gpt2-163m');
  expect({ layers, heads, width, context, vocabulary, tied }).toEqual({
    ...{ layers: 12, heads: 12, width: 768, context: 1024, vocabulary: 50_257, tied: false },
  });
});

test('options given take the place of the defaults, and those of bench are passed on', () => {
  expect(
    plannedRuns(['--only', 'roofline,step', '--shapes', 'a', '--precision=fp32', '--steps', '9']),
  ).toEqual([
    {
      name: 'roofline',
      args: '--only roofline --shapes a --precision fp32 --budget 24GiB --steps 9'.split(' '),
    },
    {
      name: 'step-a-fp32',
      args: '--only step --shapes a --precision fp32 --budget 24GiB --steps 9'.split(' '),
    },
  ]);
  expect(() => plannedRuns(['fp16'])).toThrow('"fp16" belongs to no option');
});

test('ratios are of the same model, batch and mode, and a failure says why', () => {
  const steps = {
    'a fp32 batch 1': { tokensPerSec: 500 },
    'a fp32 batch 8': null,
    'a bf16 batch 1': { tokensPerSec: 800 },
  };
  const torch = [
    { name: 'a fp32 batch 1', compiled: false, tokensPerSec: 1000, error: null },
    { name: 'a fp32 batch 1', compiled: true, tokensPerSec: null, error: 'CUDA out of memory' },
  ];
  expect(ratioRows(steps, torch)).toEqual([
    ['a fp32 batch 1', '500', '1000 (0.500)', 'CUDA out of memory'],
    ['a bf16 batch 1', '800', '-', '-'],
  ]);
  expect(PRECISION_MODES).toEqual(expect.arrayContaining(Object.keys(TORCH_MODES)));
});

describe('the table', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'halfstep-pack-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  /** A benchmark that writes a figure for each cell at once, and does not end in fp16. */
  const BENCH = `
    import { writeFileSync } from 'node:fs';
    const at = (name) => process.argv[process.argv.indexOf(name) + 1];
    const name = at('--shapes') + ' ' + at('--precision') + ' batch 1';
    const origin = { adapter: 'Some GPU, driver 1.2', runtime: 'Node 20 with Dawn', date: '2026-11-30' };
    const figures = { [name]: { tokensPerSec: 1234.4, mfu: 0.25, precision: at('--precision') } };
    if (at('--precision') === 'bf16') process.exit(3);
    writeFileSync(at('--json'), JSON.stringify({ ...origin, step: figures }));
    if (at('--precision') === 'fp16') setInterval(() => {}, 1000);
  `;
  const MEASURED = '| step a fp32 batch 1 | 1234 tokens/s | 25.0 % |';
  const ORIGIN = 'Some GPU, driver 1.2; Node 20 with Dawn; 2026-11-30';
  const ARGS = ['--only', 'step', '--shapes', 'a'];
  const table = () => readFileSync(join(folder, 'results', 'table.md'), 'utf8');

  const isWritten = (file: string) => existsSync(file) && readFileSync(file, 'utf8').endsWith('}');

  function places() {
    const script = join(folder, 'bench.mjs');
    writeFileSync(script, BENCH);
    const results = join(folder, 'results');
    return { bench: [process.execPath, script], results, python: join(folder, 'no-python') };
  }

  test('has each finished cell at once, so that a run that is killed leaves what was measured', async () => {
    const { bench, results, python } = places();
    const module = new URL('../../../bench/pack/run.mjs', import.meta.url).href;
    const args = [...ARGS, '--precision', 'fp32,fp16,tf32'];
    const code = `import { measureAll } from '${module}';
      await measureAll(${JSON.stringify(args)}, ${JSON.stringify({ bench, results, python })});`;
    const killed = spawn(process.execPath, ['--input-type=module', '-e', code], {
      detached: true,
      stdio: 'ignore',
    });
    await expect.poll(() => isWritten(join(results, 'step-a-fp16.json')), { timeout: WAIT_MS }).toBe(true);
    process.kill(-killed.pid!, 'SIGKILL');
    expect(table()).toContain(ORIGIN);
    expect(table()).toContain(MEASURED);
    expect(table()).toContain('| step-a-tf32 | not measured yet |');
  });

  test('has what was measured until the time was over, and says what was not', async () => {
    const given = places();
    // The time is over once fp16 has written its first figure.
    const now = () => (isWritten(join(given.results, 'step-a-fp16.json')) ? 600_001 : 0);
    const status = await measureAll([...ARGS, '--precision', 'fp32,bf16,fp16,tf32'], { ...given, now });
    expect(status).toBe(1); // bf16 failed; time that is over is no failure
    expect(table()).toContain(ORIGIN);
    expect(table()).toContain(MEASURED);
    expect(table()).toContain('| step-a-bf16 | failed: see the output above |');
    expect(table()).toContain('| step-a-fp16 | stopped before it was complete |');
    expect(table()).toContain('| step-a-tf32 | not measured: the time was over |');
  });

  test('a time limit that is no number above 0 is refused', () => {
    expect(timeLimit([])).toBe(600_000);
    expect(() => timeLimit(['--minutes', 'all'])).toThrow('--minutes all is not a number above 0');
  });
});
