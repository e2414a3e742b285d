/** The commands and dependencies of the packed archive, and the table of ratios. */
import { isBuiltin } from 'node:module';
import { build, type Rolldown } from 'vite';
import { expect, test } from 'vitest';
import { plannedRuns, ratioRows, TORCH_MODES } from '../../../bench/pack/run.mjs';
import { parseBench } from '../../../src/cli/benchOptions.ts';
import { benchShape } from '../../../src/engine/bench/shapes.ts';
import { PRECISION_MODES } from '../../../src/engine/index.ts';

test('without options: roofline once, then every stage, shape and mode by itself, each a call that bench accepts', () => {
  const runs = plannedRuns([]);
  expect(runs.length).toBe(1 + 2 * 2 * 4);
  expect(runs[0]!.name).toBe('roofline');
  expect(runs.at(-1)).toEqual({
    name: 'step-gpt2-163m-bf16',
    args: '--only step --shapes gpt2-163m --precision bf16 --budget 24GiB'.split(' '),
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
