/** Where neither a preset nor a size was chosen, the adapter decides: in the page (store/adapt.test.ts) and in the terminal. */
import { expect, test } from 'vitest';
import { beginRun } from '../../src/cli/beginRun.ts';
import { experimentOf, presetOn } from '../../src/cli/experimentOptions.ts';
import { parseCommand, type TrainCommand } from '../../src/cli/options.ts';
import { ProgressLine } from '../../src/cli/progress.ts';
import { presetNote } from '../../src/cli/runText.ts';
import { openPreset, presetBegun } from '../../src/engine/config/openPreset.ts';
import { PRESETS } from '../../src/engine/config/presets.ts';
import type { AdapterReport } from '../../src/engine/gpu/device.ts';

const progress = new ProgressLine(process.stderr);
const begin = (line: string, isFallback: boolean) => {
  const command = parseCommand(line.split(' ').filter((word) => word !== '')) as TrainCommand;
  return beginRun(command, progress, async () => ({ isFallback }));
};

test('a software adapter trains the smallest preset, with what else was given, and a GPU the default', async () => {
  const software = await begin('--text copy --steps 50 --precision bf16', true);
  const { layers, width, context, batch } = PRESETS.smoke.config;
  expect(software.preset).toBe('smoke');
  expect(software.config).toMatchObject({
    ...{ layers, width, context, batch },
    ...{ steps: 50, precision: 'bf16', warmup: 5, growthInterval: 200 },
  });
  expect(presetNote(software.preset, 'starter')).toMatch(/^note: .*"smoke" is used; --preset starter .*\n$/);

  const gpu = await begin('--text copy --steps 50', false);
  expect(gpu.preset).toBe('starter');
  expect(gpu.config).toEqual(parseCommandConfig('--text copy --steps 50'));
});

function parseCommandConfig(line: string) {
  return (parseCommand(line.split(' ')) as TrainCommand).config;
}

test.each([
  '--preset starter',
  '--layers 4',
  '--heads 4',
  '--width 128',
  '--ctx 128',
  '--batch 16',
  '--accum 1',
])("with %s the choice is the user's, and the adapter is not asked for it", async (given) => {
  const command = parseCommand(['--text', 'copy', ...given.split(' ')]) as TrainCommand;
  expect(command.presetOpen).toBe(false);
  const unasked = () => Promise.reject(new Error('asked'));
  expect((await beginRun(command, progress, unasked)).config).toEqual(PRESETS.starter.config);
  expect(experimentOf(new Map([[given.slice(2).split(' ')[0]!, given.split(' ')[1]!]])).presetOpen).toBe(
    false,
  );
});

test('what a run starts from has a size of its own', () => {
  expect((parseCommand(['--init', 'gpt2']) as TrainCommand).presetOpen).toBe(false);
  expect((parseCommand(['--resume', 'run.safetensors']) as TrainCommand).presetOpen).toBe(false);
  expect(experimentOf(new Map([['seeds', '2']])).presetOpen).toBe(true);
});

test('a preset that is the smallest already stays, whatever the adapter', () => {
  expect(openPreset({ isFallback: true }, 'smoke')).toBe('smoke');
  expect(openPreset({ isFallback: false }, 'gpt2')).toBe('gpt2');
});

test('a preset that what was given does not go with is not taken', async () => {
  const software = await begin('--text copy --warmup 1000', true);
  expect(software.preset).toBe('starter'); // of whose 2,000 steps they are a part; smoke has 300
  expect(software.config.warmup).toBe(1000);
  const report = { isFallback: true } as AdapterReport;
  expect(presetOn(report, experimentOf(new Map([['warmup', '1000']]))).name).toBe('starter');
  expect(presetOn(report, experimentOf(new Map([['warmup', '200']]))).name).toBe('smoke');
});

test('a sweep is known by its sizes', () => {
  expect(presetBegun({ ...PRESETS.smoke.config, adapter: 'any' })?.name).toBe('smoke');
  expect(presetBegun({ ...PRESETS.starter.config, learningRate: 1 })?.name).toBe('starter');
  expect(presetBegun({ ...PRESETS.starter.config, width: 64 })).toBeNull();
});
