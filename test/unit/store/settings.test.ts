import { describe, expect, test } from 'vitest';
import { GPT2_KINDS } from '../../../src/engine/config/gptConfig.ts';
import { numberProblem, standardChoice } from '../../../src/store/changes.ts';
import {
  configsOf,
  DEFAULT_SETTINGS,
  givenByFile,
  type InitialShape,
  isShown,
  type PresetSetting,
  type Settings,
  settingsProblem,
} from '../../../src/store/settings.ts';

describe('configsOf', () => {
  test('makes runs that differ only in precision', () => {
    const [first, second, ...rest] = configsOf({
      ...DEFAULT_SETTINGS,
      preset: 'smoke',
      modes: ['fp16', 'bf16'],
      seed: 7,
    });
    expect(rest).toEqual([]);
    expect(first).toMatchObject({ precision: 'fp16', seed: 7, steps: 300, growthInterval: 200 });
    expect(second).toEqual({ ...first, precision: 'bf16' });
  });

  test('gives the loss scale to the modes that use one', () => {
    const [first, second] = configsOf({
      ...DEFAULT_SETTINGS,
      modes: ['fp16', 'fp32'],
      'loss-scale': 2 ** 30,
    });
    expect(first!.lossScale).toBe(2 ** 30);
    expect(second!.lossScale).toBeNull();
  });

  test('gives a growth interval to modes with a dynamic scale, and fits the warm-up to a short run', () => {
    const settings = {
      ...DEFAULT_SETTINGS,
      modes: ['fp16', 'fp16-static'],
      'growth-interval': 7,
      steps: 20,
    } as const;
    const [first, second] = configsOf(settings);
    expect(first).toMatchObject({ growthInterval: 7, warmup: 2 });
    expect(second!.growthInterval).not.toBe(7);
  });

  test('a file decides the tokenizer, but the visitor chooses whether GPT-2’s ends documents', () => {
    const init: InitialShape = {
      ...{
        id: 1,
        name: 'm',
        layers: 1,
        width: 64,
        context: 32,
        vocabulary: 50_257,
        tied: true,
        ...GPT2_KINDS,
      },
      ...{ heads: 1, usualHeads: 1, tokenizer: 'gpt2', likelyTokenizer: null },
    };
    const tokenizerOf = (settings: Settings) => [
      configsOf(settings)[0]!.tokenizer,
      givenByFile(settings, 'tokenizer'),
    ];
    const settings = { ...DEFAULT_SETTINGS, init };
    expect(tokenizerOf(settings)).toEqual(['gpt2', 'gpt2']);
    expect(tokenizerOf({ ...settings, tokenizer: 'char' })).toEqual(['gpt2', 'gpt2']);
    expect(tokenizerOf({ ...settings, tokenizer: 'gpt2-eot' })).toEqual(['gpt2-eot', 'gpt2-eot']);
  });

  test('leaves it to the engine to refuse a loss scale that no mode uses', () => {
    const settings = { ...DEFAULT_SETTINGS, modes: ['fp32'], 'loss-scale': 1024 } as const;
    expect(settingsProblem(settings)?.message).toMatch(/does not scale the loss/);
  });
});

test('repeats every mode over consecutive seeds, one seed at a time', () => {
  const configs = configsOf({ ...DEFAULT_SETTINGS, modes: ['fp32', 'fp16'], seed: 7, seeds: 2 });
  expect(configs.map(({ precision, seed }) => [precision, seed])).toEqual([
    ['fp32', 7],
    ['fp16', 7],
    ['fp32', 8],
    ['fp16', 8],
  ]);
});

test.each([
  [{ modes: ['fp32', 'fp16', 'fp32'] }, /^A comparison of FP32 with itself/],
  [{ modes: [] }, /^0 modes/],
  [{ modes: ['fp32', 'tf32', 'fp16', 'bf16', 'fp16-pure'] }, /^5 modes/],
  [{ seeds: 0 }, /^seeds is 0/],
  [{ seeds: 6 }, /^seeds is 6/],
  [{ seeds: 1.5 }, /^seeds is 1\.5/],
  [{ seed: 0xffffffff, seeds: 2 }, /^seed is 4294967296/],
] as const)('%o cannot be trained', (change, message) => {
  expect(settingsProblem({ ...DEFAULT_SETTINGS, ...change })?.message).toMatch(message);
});

test('a number is blamed for its own problem only', () => {
  const settings = { ...DEFAULT_SETTINGS, steps: -1, seed: 3 };
  expect(numberProblem(settings, 'steps')?.message).toBe('steps is -1.');
  expect(numberProblem(settings, 'seed')).toBeNull();
  expect(settingsProblem(DEFAULT_SETTINGS)).toBeNull();
});

test('a vocabulary is padded as on the command line', () => {
  expect(configsOf(DEFAULT_SETTINGS)[0]!.vocabulary).toBeNull();
  const [config] = configsOf({ ...DEFAULT_SETTINGS, tokenizer: 'gpt2', vocab: 50_304 });
  expect(config).toMatchObject({ tokenizer: 'gpt2', vocabulary: 50_304 });
  expect(numberProblem({ ...DEFAULT_SETTINGS, vocab: 0 }, 'vocab')?.message).toBe('vocab is 0.');
});

describe('a file of weights', () => {
  const init: InitialShape = {
    ...{
      id: 1,
      name: 'm.safetensors',
      layers: 2,
      width: 64,
      context: 64,
      vocabulary: 50_257,
      tied: true,
      ...GPT2_KINDS,
    },
    ...{ heads: 1, usualHeads: 1, tokenizer: null, likelyTokenizer: 'gpt2' },
  };
  const settings = { ...DEFAULT_SETTINGS, init };

  test('decides the vocabulary, which may be repeated to request padding', () => {
    expect(configsOf({ ...settings, vocab: 50_257 })[0]!.vocabulary).toBe(50_257);
    expect(numberProblem({ ...settings, vocab: 50_304 }, 'vocab')).toEqual({
      message: 'vocab is 50304, but "m.safetensors" has 50257 tokens.',
      hint: 'Leave it out; 50257 lets a text of fewer tokens be filled up to them.',
    });
  });

  test('suggests a tokenizer, which the visitor may change, or decides it', () => {
    const tokenizer = (change: object) => configsOf({ ...settings, ...change })[0]!.tokenizer;
    expect(tokenizer({})).toBe('gpt2');
    expect(standardChoice({ ...settings, tokenizer: 'byte' }, 'tokenizer')).toBe('gpt2');
    expect(tokenizer({ tokenizer: 'byte' })).toBe('byte');
    expect(tokenizer({ tokenizer: 'byte', init: { ...init, tokenizer: 'bpe:300' } })).toBe('bpe:300');
    expect(tokenizer({ init: { ...init, likelyTokenizer: null } })).toBe('char');
  });
});

test('a setting that has no effect beside what is chosen has no field, unless it was given', () => {
  const shown = (key: PresetSetting, chosen: Partial<Settings> = {}) =>
    isShown({ ...DEFAULT_SETTINGS, ...chosen }, key);
  expect([shown('muon-lr'), shown('epsilon'), shown('min-lr')]).toEqual([false, true, true]);
  expect([shown('muon-lr', { optimizer: 'muon' }), shown('epsilon', { optimizer: 'muon' })]).toEqual([
    true,
    true,
  ]);
  expect(shown('epsilon', { optimizer: 'lion' })).toBe(false);
  expect(shown('min-lr', { 'lr-schedule': 'constant' })).toBe(false);
  expect(shown('muon-lr', { 'muon-lr': 0.01 })).toBe(true);
  // A variant of a mode with Muon does not make it everyone's.
  expect(shown('muon-lr', { modes: ['fp32', 'fp32+optimizer=muon'] })).toBe(false);
});
