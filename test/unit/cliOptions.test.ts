import { expect, test } from 'vitest';
import { helpText } from '../../src/cli/help.ts';
import { type Command, finalWeightsOf, parseCommand } from '../../src/cli/options.ts';
import { OPTIONS } from '../../src/cli/optionTable.ts';
import { filledIn } from '../../src/engine/config/filledIn.ts';
import { PRESETS } from '../../src/engine/config/presets.ts';
import { rowOf } from '../../src/engine/config/settings/table.ts';
import type { TrainConfig } from '../../src/engine/config/trainConfig.ts';
import { OPTIMIZERS } from '../../src/engine/kernels/optimizers/table.ts';
import { PRECISION_MODES } from '../../src/engine/precision/recipes.ts';
import { learningRateAt } from '../../src/engine/train/lrSchedule.ts';
import { thrownBy } from './thrownBy.ts';

const words = (line: string) => line.split(' ').filter((word) => word);

function parse(line: string): Extract<Command, { kind: 'train' }> {
  const command = parseCommand(words(line));
  if (command.kind !== 'train') throw new Error(`${line} asks for help`);
  return command;
}

/** Of a run that no file decides. */
function configOf(line: string): TrainConfig {
  const { config } = parse(line);
  if (!config) throw new Error(`${line} leaves the configuration to a file`);
  return config;
}

test('without options: starter on Moby Dick', () => {
  expect(parse('')).toEqual({
    kind: 'train',
    preset: 'starter',
    presetOpen: true,
    config: PRESETS.starter.config,
    given: {},
    init: null,
    exportTo: null,
    finalWeights: null,
    text: { kind: 'builtin', id: 'moby-dick' },
    json: false,
    numericsEvery: 0,
    samples: 1,
    save: null,
    resume: null,
  });
});

test('every preset stands as it is', () => {
  for (const [name, { config }] of Object.entries(PRESETS)) {
    expect(configOf(`--preset ${name}`)).toEqual(config);
  }
});

test('every option reaches its field', () => {
  const line =
    `--preset smoke --precision fp16-static --layers 3 --heads 4 --width 64 --ctx 32 --batch 2 --accum 5
    --steps 50 --lr 2e-3 --min-lr 1e-5 --warmup 7 --weight-decay 0.2 --beta2 0.95 --clip 0.5 --seed 9
    --data some/file.txt --tokenizer byte --order sequential --loss-scale 2^10 --eval-every 10 --eval-batches 3
    --sample 11 --f16 packed --untied --norm rmsnorm --mlp relu2 --vocab 300 --recompute gelu-ln --export out --export-dtype F16
    --optimizer stable-adamw --optim-state fp8-lm
    --json --numerics-every 20 --samples 3 --save run.safetensors --save-every 0`.replaceAll('\n', ' ');
  expect(parse('--precision fp8 --quantize-head')).toMatchObject({
    config: { precision: 'fp8', quantizeHead: true },
  });
  expect(
    parse(
      '--precision fp8-delayed --amax-history 64 --amax-algo most_recent --scale-margin 1 --quantize-activations 1x16',
    ),
  ).toMatchObject({
    config: { quantizeActivations: '1x16', amaxHistory: 64, amaxAlgorithm: 'most_recent', scaleMargin: 1 },
  });
  expect(parse(line)).toMatchObject({
    kind: 'train',
    preset: 'smoke',
    config: {
      ...PRESETS.smoke.config,
      precision: 'fp16-static',
      layers: 3,
      heads: 4,
      width: 64,
      context: 32,
      batch: 2,
      accumulation: 5,
      steps: 50,
      learningRate: 2e-3,
      minLearningRate: 1e-5,
      warmup: 7,
      weightDecay: 0.2,
      beta2: 0.95,
      clip: 0.5,
      seed: 9,
      tokenizer: 'byte',
      order: 'sequential',
      lossScale: 1024,
      evalEvery: 10,
      evalBatches: 3,
      sampleLength: 11,
      half: 'packed',
      tied: false,
      norm: 'rmsnorm',
      mlp: 'relu2',
      vocabulary: 300,
      recompute: 'gelu-ln',
      optimizer: 'stable-adamw',
      optimState: 'fp8-lm',
    },
    init: null,
    exportTo: { folder: 'out', dtype: 'F16' },
    text: { kind: 'file', path: 'some/file.txt' },
    json: true,
    numericsEvery: 20,
    samples: 3,
    save: { path: 'run.safetensors', every: 0 },
    resume: null,
  });
  expect(configOf('--growth-interval 7').growthInterval).toBe(7);
});

test('with --init and --resume the rest waits for the file, and numbers are checked', () => {
  const { config, given, init } = parse('--init m.safetensors --heads 12 --width 768 --steps 0');
  expect({ config, init }).toEqual({ config: null, init: 'm.safetensors' });
  expect(given).toEqual({ heads: 12, width: 768, steps: 0 });
  // Each contradicts the default preset, and may be what the file has.
  for (const line of ['--heads 3', '--width 40', '--quantize-head', '--rounding rne', '--min-lr 5e-3']) {
    expect(parse(`--init m.safetensors ${line}`).config).toBeNull();
    expect(parse(`--resume m.safetensors ${line}`).config).toBeNull();
  }
  expect(thrownBy(() => parse('--init m.safetensors --batch 0')).message).toBe('batch is 0.');
  expect(thrownBy(() => parse('--resume m.safetensors --lr 11')).message).toBe('lr is 11.');
});

test('--name=value works, and the last of repeated options counts', () => {
  expect(parse('--steps=30 --steps=40 --text=copy')).toMatchObject({
    config: { steps: 40 },
    text: { kind: 'builtin', id: 'copy' },
  });
});

test('min-lr follows lr, unless it is given', () => {
  expect(configOf('--lr 5e-5')).toMatchObject({ learningRate: 5e-5, minLearningRate: 5e-6 });
  expect(configOf('--lr 5e-5 --min-lr 1e-5').minLearningRate).toBe(1e-5);
  expect(configOf('--min-lr 5e-4').minLearningRate).toBe(5e-4);
});

test('warm-up takes at most a tenth of the steps, unless it is given', () => {
  expect(configOf('--steps 200').warmup).toBe(20);
  expect(configOf('--steps 5').warmup).toBe(0);
  expect(configOf('--steps 9000').warmup).toBe(100);
  expect(configOf('--steps 200 --warmup 200').warmup).toBe(200);
});

test.each([
  ['--init a --resume b', 'BAD_VALUE', 'Both --init a and --resume b', 'leave one of them out'],
  ['--numerics-every 20', 'BAD_VALUE', 'without --json', 'Add --json'],
  ['--export-dtype F16', 'BAD_VALUE', 'without --export', 'Add --export DIR'],
  ['--export out --export-dtype f32', 'BAD_VALUE', 'There is no export-dtype "f32"', '"F32"'],
  ['--preset smok', 'UNKNOWN_PRESET', '"smok"', 'Did you mean "smoke"?'],
  [
    '--preset x',
    'UNKNOWN_PRESET',
    '"x"',
    'Choose one of: smoke, starter, llama-tiny, small, llama-small, nanogpt-char, gpt2, gpt2-163m.',
  ],
  ['--precision fp-16', 'UNKNOWN_MODE', '"fp-16"', 'Did you mean "fp16"?'],
  ['--learning-rate 1', 'UNKNOWN_OPTION', 'There is no setting "learning-rate"', 'Did you mean "lr"?'],
  ['--context 8', 'UNKNOWN_OPTION', '"context"', 'Did you mean "ctx"?'],
  ['--eval_batches 8', 'UNKNOWN_OPTION', '"eval_batches"', 'Did you mean "eval-batches"?'],
  ['--precison fp16', 'UNKNOWN_OPTION', '"precison"', 'Did you mean "precision"?'],
  ['--max-iters 1', 'UNKNOWN_OPTION', '"max-iters"', '--help'],
  ['-b 4', 'UNKNOWN_OPTION', '"b"', ''],
  ['smoke', 'UNKNOWN_OPTION', '"smoke"', 'npm run train -- --preset'],
  ['--tokenizer bytes', 'BAD_VALUE', 'There is no tokenizer "bytes"', 'Did you mean "byte"?'],
  ['--order up', 'BAD_VALUE', 'There is no order "up"', 'random, sequential'],
  ['--f16 nativ', 'BAD_VALUE', 'There is no f16 "nativ"', 'Did you mean "native"?'],
  ['--text moby-dik', 'BAD_VALUE', '"moby-dik"', 'Did you mean "moby-dick"?'],
])('%s: unknown names get a suggestion', (line, code, message, hint) => {
  const error = thrownBy(() => parse(line));
  expect(error.code).toBe(code);
  expect(error.isUsage).toBe(true);
  expect(error.message).toContain(message);
  expect(error.hint).toContain(hint);
});

test.each([
  ['--batch 0', 'batch is 0', 'from 1 to 65536'],
  ['--batch -3', 'batch is -3', 'from 1 to 65536'],
  ['--accum 0', 'accum is 0', 'from 1 to 65536'],
  ['--layers 0', 'layers is 0', 'from 1 to 1024'],
  ['--ctx 0', 'ctx is 0', 'from 1 to'],
  ['--steps -1', 'steps is -1', 'to 1000000'],
  ['--steps 1e99', 'steps is 1e99', 'to 1000000'],
  ['--steps 1.5', 'steps is 1.5', 'whole number'],
  ['--lr -0.1', 'lr is -0.1', 'to 10'],
  ['--beta2 1', 'beta2 is 1', '0.999999'],
  ['--clip -1', 'clip is -1', 'from 0'],
  ['--seed 4294967296', 'seed is 4294967296', '4294967295'],
  ['--eval-batches 0', 'eval-batches is 0', 'from 1'],
  ['--sample -1', 'sample is -1', 'from 0'],
  ['--growth-interval 0', 'growth-interval is 0', 'from 1'],
])('%s: a number out of range names the option, the value and the range', (line, message, hint) => {
  const error = thrownBy(() => parse(line));
  expect(error.isUsage).toBe(true);
  expect(error.message).toContain(message);
  expect(error.hint).toContain(hint);
});

test.each([
  ['--batch many', 'batch is "many", which is not a number', 'whole number from 1 to 65536'],
  ['--lr 1e', 'lr is "1e"', 'from 0 to 10'],
  ['--lr Infinity', 'lr is "Infinity"', 'from 0 to 10'],
  ['--lr NaN', 'lr is "NaN"', 'from 0 to 10'],
  ['--width 0x40', 'width is "0x40"', 'whole number from 1'],
  ['--steps 2^', 'steps is "2^"', 'whole number'],
  ['--loss-scale big', 'loss-scale is "big"', 'whole number from 1'],
  ['--batch', '--batch needs a value', '--batch VALUE'],
  ['--batch --steps 4', '--batch needs a value', '--batch VALUE'],
  ['--data=', '--data needs a value', '--data FILE'],
  ['--json=yes', '--json takes no value, but got "yes"', 'alone'],
])('%s: what is no value is refused', (line, message, hint) => {
  const error = thrownBy(() => parse(line));
  expect(error.code).toBe('BAD_VALUE');
  expect(error.message).toContain(message);
  expect(error.hint).toContain(hint);
});

test.each([
  ['--width 100 --heads 3', 'BAD_SHAPE', 'Width 100 is not divisible by 3 heads'],
  ['--width 24', 'BAD_SHAPE', 'Head size 6'],
  ['--min-lr 1', 'BAD_VALUE', 'min-lr 1 is above lr 0.001'],
  ['--warmup 50 --steps 20', 'BAD_VALUE', 'warmup is 50, but the run has only 20 steps'],
  ['--loss-scale 3000', 'BAD_VALUE', 'loss-scale is 3000, which is not a power of two'],
  ['--loss-scale 1024 --precision fp32', 'BAD_VALUE', 'Mode fp32 does not scale the loss'],
  ['--growth-interval 5 --precision bf16', 'BAD_VALUE', 'Mode bf16 has no dynamic loss scale'],
  ['--text code --data x', 'BAD_VALUE', 'Both --text code and --data x'],
])('%s: values that contradict each other are refused', (line, code, message) => {
  const error = thrownBy(() => parse(line));
  expect(error.code).toBe(code);
  expect(error.message).toContain(message);
  expect(error.hint).not.toBe('');
});

test('a growth interval that comes from the preset contradicts no mode', () => {
  for (const mode of PRECISION_MODES) expect(configOf(`--precision ${mode}`).precision).toBe(mode);
});

test('the largest first loss scale of the acceptance test is allowed', () => {
  expect(configOf('--preset smoke --precision fp16 --loss-scale 1073741824').lossScale).toBe(2 ** 30);
  expect(configOf('--loss-scale 2^30').lossScale).toBe(2 ** 30);
});

/** Option name to the default in brackets, without line breaks. */
function defaultsIn(help: string): Map<string, string> {
  const options = help.split(/^ {2}--/m).slice(1);
  return new Map(
    options.flatMap((text) => {
      const standard = /\[([^\]]+)\](?=\n|$)/.exec(text);
      return standard ? [[/^\S+/.exec(text)![0], standard[1]!.replace(/\s+/g, ' ')] as const] : [];
    }),
  );
}

test('defaults in --help are those of a run', () => {
  const shown = defaultsIn(helpText());
  const config: TrainConfig = filledIn(configOf(''));
  for (const option of OPTIONS) {
    if (option.kind !== 'setting' || rowOf(option.field).kind === 'flag') continue;
    const value = config[option.field];
    // What fp16 does not take is another mode's.
    if (value !== null && option.name !== 'min-lr' && option.name !== 'loss-scale') {
      expect([option.name, shown.get(option.name)]).toEqual([option.name, String(value)]);
    }
  }
  const delayed = filledIn(configOf('--precision fp8-delayed'));
  expect(shown.get('amax-history')).toBe(String(delayed.amaxHistory));
  expect(shown.get('amax-algo')).toBe(delayed.amaxAlgorithm);
  expect(shown.get('scale-margin')).toBe(String(delayed.scaleMargin));
  expect(shown.get('rounding')).toBe(filledIn(configOf('--precision e5m2')).rounding);
  for (const [, mode, scale] of shown.get('loss-scale')!.matchAll(/(fp16\S*) (\d+)/g)) {
    expect([mode, filledIn(configOf(`--precision ${mode}`)).lossScale]).toEqual([mode, Number(scale)]);
  }
  expect(shown.get('preset')).toBe(parse('').preset);
  expect(parse('').text).toEqual({ kind: 'builtin', id: shown.get('text') });
  expect(parse('--save run').save?.every).toBe(Number(shown.get('save-every')));
  expect(parse('--export out').exportTo?.dtype).toBe(shown.get('export-dtype'));
  expect(parse('--json').numericsEvery).toBe(Number(shown.get('numerics-every')));
  expect(parse('').samples).toBe(Number(shown.get('samples')));
});

test('min-lr is lr / 10 in every preset and for every lr, and the rate comes down to it after the last step', () => {
  expect(defaultsIn(helpText()).get('min-lr')).toBe('lr / 10');
  for (const line of [...Object.keys(PRESETS).map((name) => `--preset ${name}`), '--lr 7e-4']) {
    const config = configOf(line);
    const { learningRate, minLearningRate, steps } = config;
    expect(minLearningRate / learningRate).toBeCloseTo(0.1, 12);
    expect(learningRateAt(config, steps)).toBe(minLearningRate);
    expect(learningRateAt(config, steps - 1)).toBeGreaterThan(minLearningRate);
  }
});

test('--help lists every option, preset and mode, whatever else is given', () => {
  expect(parseCommand(['--help', '--preset', 'nonsense'])).toEqual({ kind: 'help' });
  expect(parseCommand(['-h'])).toEqual({ kind: 'help' });
  const help = helpText();
  for (const { name } of OPTIONS) expect(help).toMatch(new RegExp(`^ {2}--${name}\\b`, 'm'));
  for (const name of [...Object.keys(PRESETS), ...PRECISION_MODES, ...OPTIMIZERS])
    expect(help).toContain(`  ${name} `);
  for (const line of help.split('\n')) expect(line.length).toBeLessThanOrEqual(100);
  expect(help).not.toContain('undefined');
});

test('the best checkpoint is taken at the end where it is kept, and early stop needs evaluations', () => {
  const final = (line: string) => finalWeightsOf(parse(line).finalWeights, configOf(line));
  expect(final('')).toBe('trained');
  expect(final('--ema-decay 0.9')).toBe('trained');
  expect(final('--keep-best')).toBe('best');
  expect(final('--keep-best --final-weights trained')).toBe('trained');
  expect(thrownBy(() => final('--final-weights best'))).toMatchObject({
    code: 'BAD_VALUE',
    hint: expect.stringContaining('--keep-best'),
  });
  expect(thrownBy(() => final('--keep-best --final-weights averaged'))).toMatchObject({ code: 'BAD_VALUE' });
  expect(configOf('--early-stop 3 --keep-best')).toMatchObject({ earlyStop: 3, keepBest: true });
  expect(thrownBy(() => configOf('--early-stop 3 --eval-every 0 --steps 100'))).toMatchObject({
    code: 'BAD_VALUE',
    message: expect.stringMatching(/early-stop 3 .*eval-every is 0/),
    hint: expect.stringContaining('such as 5'),
  });
});
