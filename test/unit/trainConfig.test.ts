import { expect, test } from 'vitest';
import { configure } from '../../src/engine/config/configure.ts';
import { PRESETS, presetOf } from '../../src/engine/config/presets.ts';
import {
  checkConfig,
  microBatchesPerStep,
  scalingOf,
  type TrainConfig,
  tokensPerStep,
} from '../../src/engine/config/trainConfig.ts';
import { comparedRuns, inMode } from '../../src/engine/experiments/planned.ts';
import { DELAYED_SCALING, type QuantizedActivations } from '../../src/engine/precision/quantization.ts';
import { delayedScaling } from '../../src/engine/precision/recipe.ts';
import { PRECISION_MODES, recipeFor, recipeOf } from '../../src/engine/precision/recipes.ts';
import { thrownBy } from './thrownBy.ts';

const base = PRESETS.smoke.config;

test('a setting that does not exist is refused with the nearest, and one without a value is not given', () => {
  const error = thrownBy(() => configure(base, untyped({ learningrate: 1 })));
  expect(error).toMatchObject({ code: 'BAD_VALUE', message: 'There is no setting "learningrate".' });
  expect(error.hint).toBe('Did you mean "learningRate"?');
  expect(configure(base, untyped({ mlp: undefined, precision: undefined }))).toEqual(configure(base));
});

test('every preset is valid with every vocabulary that a text may have', () => {
  for (const { config } of Object.values(PRESETS)) {
    for (const vocabulary of [1, 80, 256, 100_000]) checkConfig(config, vocabulary);
  }
});

/** What a program without types may give. */
const untyped = (values: Record<string, unknown>) => values as Partial<TrainConfig>;

test.each<[Partial<TrainConfig>, string, string]>([
  [untyped({ recompute: 'geluln' }), 'BAD_VALUE', 'There is no recompute "geluln"'],
  [untyped({ order: 'rndm' }), 'BAD_VALUE', 'There is no order "rndm"'],
  [untyped({ half: 'nativ' }), 'BAD_VALUE', 'There is no f16 "nativ"'],
  [untyped({ optimizer: null }), 'BAD_VALUE', 'There is no optimizer "null"'],
  [untyped({ norm: null }), 'BAD_VALUE', 'There is no norm "null"'],
  [untyped({ tied: 'no' }), 'BAD_VALUE', 'tied is "no"'],
  [
    { optimizer: 'lion', optimState: 'fp8' },
    'BAD_VALUE',
    'Optimizer lion does not support optimizer state fp8',
  ],
  [{ layers: 0 }, 'BAD_SHAPE', 'layers is 0'],
  [{ heads: -1 }, 'BAD_SHAPE', 'heads is -1'],
  [{ width: 64.5 }, 'BAD_SHAPE', 'width is 64.5'],
  [{ context: Number.NaN }, 'BAD_SHAPE', 'ctx is NaN'],
  [{ width: 65, heads: 2 }, 'BAD_SHAPE', 'Width 65 is not divisible by 2 heads'],
  [{ width: 60, heads: 10 }, 'BAD_SHAPE', 'Head size 6 (width 60 / 10 heads) is not divisible by 4'],
  [{ width: 520, heads: 2 }, 'BAD_SHAPE', 'Head size 260 is above 256'],
  [{ keyValueHeads: 3 }, 'BAD_SHAPE', '2 heads cannot share 3 key/value heads evenly'],
  [{ headSize: 10 }, 'BAD_SHAPE', 'Head size 10 is not divisible by 4'],
  [{ headSize: 16, width: 66 }, 'BAD_SHAPE', 'Width 66 is not divisible by 4'],
  [{ headSize: 12, position: 'rope' }, 'BAD_SHAPE', 'Head size 12 is not divisible by 8'],
  [{ width: 24, qkNorm: true }, 'BAD_SHAPE', 'Head size 12 (width 24 / 2 heads) is not divisible by 8'],
  [{ batch: 0 }, 'BAD_VALUE', 'batch is 0'],
  [{ accumulation: 1.5 }, 'BAD_VALUE', 'accum is 1.5'],
  [{ microBatch: 0 }, 'BAD_VALUE', 'micro-batch is 0'],
  [{ microBatch: 3 }, 'BAD_VALUE', 'micro-batch is 3, which does not divide the batch of 8'],
  [{ microBatch: 16 }, 'BAD_VALUE', 'micro-batch is 16, which does not divide the batch of 8'],
  [{ steps: -1 }, 'BAD_VALUE', 'steps is -1'],
  [{ learningRate: Number.POSITIVE_INFINITY }, 'BAD_VALUE', 'lr is Infinity'],
  [{ minLearningRate: 1 }, 'BAD_VALUE', 'min-lr 1 is above lr 0.001'],
  [{ beta1: 1 }, 'BAD_VALUE', 'beta1 is 1'],
  [{ beta2: -0.1 }, 'BAD_VALUE', 'beta2 is -0.1'],
  [{ weightDecay: -1 }, 'BAD_VALUE', 'weight-decay is -1'],
  [{ clip: -1 }, 'BAD_VALUE', 'clip is -1'],
  [{ seed: 2 ** 32 }, 'BAD_VALUE', 'seed is 4294967296'],
  [{ evalEvery: -1 }, 'BAD_VALUE', 'eval-every is -1'],
  [{ evalBatches: 0 }, 'BAD_VALUE', 'eval-batches is 0'],
  [{ sampleLength: -1 }, 'BAD_VALUE', 'sample is -1'],
  [{ lossScale: 3 }, 'BAD_VALUE', 'loss-scale is 3, which is not a power of two'],
  [{ lossScale: 0 }, 'BAD_VALUE', 'loss-scale is 0, which is not a power of two'],
  [{ lossScale: 0.5 }, 'BAD_VALUE', 'loss-scale is 0.5, which is not a power of two'],
  [{ lossScale: 2 ** 127 }, 'BAD_VALUE', 'is not a power of two from 1 to 2^126'],
  [{ lossScale: 4, precision: 'bf16' }, 'BAD_VALUE', 'Mode bf16 does not scale the loss'],
  [{ growthInterval: 0 }, 'BAD_VALUE', 'growth-interval is 0'],
])('%j is refused', (change, code, message) => {
  const error = thrownBy(() => checkConfig({ ...base, ...change }));
  expect(error.code).toBe(code);
  expect(error.isUsage).toBe(true);
  expect(error.message).toContain(message);
  expect(error.hint).not.toBe('');
});

test('the width that a shape error proposes is valid', () => {
  for (const change of [
    { width: 65, heads: 2 },
    { width: 1, heads: 3 },
    { width: 60, heads: 10 },
  ]) {
    const { hint } = thrownBy(() => checkConfig({ ...base, ...change }));
    const width = Number(/[Uu]se width (\d+)/.exec(hint)?.[1]);
    expect(() => checkConfig({ ...base, ...change, width })).not.toThrow();
  }
});

test('a run’s scale and interval replace the mode’s', () => {
  expect(scalingOf(base)).toEqual({ kind: 'dynamic', initialScale: 65536, growthInterval: 200 });
  expect(scalingOf({ ...base, growthInterval: null, lossScale: 8 })).toEqual({
    kind: 'dynamic',
    initialScale: 8,
    growthInterval: 2000,
  });
  expect(scalingOf({ ...base, precision: 'fp16-static', lossScale: 16 })).toEqual({
    kind: 'static',
    scale: 16,
  });
  expect(scalingOf({ ...base, precision: 'fp32' })).toEqual({ kind: 'none' });
});

test('a head in FP8 is of FP8 modes only', () => {
  for (const precision of [...PRECISION_MODES, 'e4m3'] as const) {
    const config = { ...base, precision, quantizeHead: true };
    if (precision === 'fp8' || precision === 'fp8-delayed') {
      checkConfig(config);
      continue;
    }
    const { code, message } = thrownBy(() => checkConfig(config));
    expect([code, message]).toEqual([
      'BAD_VALUE',
      `Mode ${precision} has no quantised LM head, but quantize-head was given.`,
    ]);
  }
  // In a comparison it goes to the modes that take it.
  const both = comparedRuns(base, { quantizeHead: true }, ['fp32', 'fp8'], 1);
  expect(both.map(({ config: { quantizeHead } }) => quantizeHead)).toEqual([false, true]);
  expect(thrownBy(() => comparedRuns(base, { quantizeHead: true }, ['fp32'], 1)).code).toBe('BAD_VALUE');
});

test('activations in groups are of FP8 modes and of widths that groups fill', () => {
  const grouped = { ...base, precision: 'fp8', quantizeActivations: '1x16' } as const;
  checkConfig(grouped);
  expect(thrownBy(() => checkConfig({ ...grouped, precision: 'fp16' })).message).toBe(
    'Mode fp16 has no groups of channels with a scale, but quantize-activations 1x16 was given.',
  );
  const error = thrownBy(() => checkConfig({ ...grouped, heads: 3, width: 36 }));
  expect(error).toMatchObject({
    code: 'BAD_SHAPE',
    message: 'quantize-activations 1x16 groups 16 channels, and width is 36.',
    hint: 'Use a width that is a multiple of 16, such as 48, or quantize-activations tensor.',
  });
  expect(thrownBy(() => checkConfig({ ...grouped, mlp: 'swiglu', intermediate: 172 }))).toMatchObject({
    code: 'BAD_SHAPE',
    message: 'quantize-activations 1x16 groups 16 channels, and intermediate is 172.',
    hint: 'Use an intermediate that is a multiple of 16, such as 176, or quantize-activations tensor.',
  });
  const wrong = { ...grouped, quantizeActivations: '1x128' as QuantizedActivations };
  expect(thrownBy(() => checkConfig(wrong))).toMatchObject({ code: 'BAD_VALUE' });
  const compared = comparedRuns(base, { quantizeActivations: '1x16' }, ['fp8', 'bf16'], 1);
  expect(compared.map(({ config }) => config.quantizeActivations)).toEqual(['1x16', 'tensor']);
  const both = comparedRuns(base, {}, ['fp8', 'fp8+quantize-activations=1x16'], 1);
  expect(both.map(({ config }) => config.quantizeActivations)).toEqual(['tensor', '1x16']);
});

test.each([
  ['amaxHistory', 'amax-history', 32, 1025],
  ['amaxAlgorithm', 'amax-algo', 'most_recent', 'mean'],
  ['scaleMargin', 'scale-margin', 2, -1],
] as const)('%s is of delayed scales only', (field, option, value, wrong) => {
  const config = { ...base, [field]: value };
  checkConfig({ ...config, precision: 'fp8-delayed' });
  for (const precision of ['fp8', 'fp16'] as const) {
    expect(thrownBy(() => checkConfig({ ...config, precision }))).toMatchObject({
      code: 'BAD_VALUE',
      message: `Mode ${precision} does not take scales from steps before, but ${option} ${value} was given.`,
      hint: `Use fp8-delayed, or leave ${option} out.`,
    });
  }
  const { code, message } = thrownBy(() =>
    checkConfig({ ...base, precision: 'fp8-delayed', [field]: wrong }),
  );
  expect(code).toBe('BAD_VALUE');
  expect(message).toContain(option);
  expect(message).toContain(String(wrong));
  // In a comparison it goes to the modes that take it, and the largest batch is confirmed without it elsewhere.
  const both = comparedRuns(base, { [field]: value }, ['fp8', 'fp8-delayed'], 1);
  expect(both.map(({ config: each }) => each[field])).toEqual([null, value]);
  checkConfig(inMode(both[1]!.config, 'fp8'));
});

test('delayed scaling has what the settings say, and else its own', () => {
  expect(delayedScaling(recipeFor({ precision: 'fp8-delayed' }))).toEqual(DELAYED_SCALING);
  const given = { amaxHistory: 1024, amaxAlgorithm: 'most_recent', scaleMargin: 3 } as const;
  expect(delayedScaling(recipeFor({ precision: 'fp8-delayed', ...given }))).toEqual({
    ...{ historyLength: 1024, algorithm: 'most_recent', margin: 3 },
  });
});

test('tokens of a step count every micro-batch', () => {
  expect(tokensPerStep({ ...base, accumulation: 3 })).toBe(3 * 8 * 64);
  const cut = { ...base, accumulation: 3, microBatch: 2 };
  expect(tokensPerStep(cut)).toBe(3 * 8 * 64);
  expect([microBatchesPerStep(base), microBatchesPerStep(cut)]).toEqual([1, 12]);
});

test('names that objects have by nature are no presets or modes', () => {
  expect(thrownBy(() => presetOf('toString')).code).toBe('UNKNOWN_PRESET');
  expect(thrownBy(() => recipeOf('constructor')).code).toBe('UNKNOWN_MODE');
});
