import { describe, expect, test } from 'vitest';
import { PRESETS } from '../../../src/engine/config/presets.ts';
import { rowOf } from '../../../src/engine/config/settings/table.ts';
import { readSetting, writeSetting } from '../../../src/engine/config/settings/values.ts';
import { comparedRuns, inMode } from '../../../src/engine/experiments/planned.ts';
import {
  modeOfVariant,
  offeredSettings,
  parseVariant,
  readVariant,
  VARIANT_SETTINGS,
  type VariantId,
  variantId,
  variantTitle,
} from '../../../src/engine/experiments/variants.ts';
import { PRECISION_MODES } from '../../../src/engine/precision/recipes.ts';
import { thrownBy } from '../thrownBy.ts';

const { config: preset } = PRESETS.smoke;
const compare = (modes: readonly VariantId[], given = {}) => comparedRuns(preset, given, modes, 1);

describe('a variant', () => {
  test.each([
    ['fp16', 'fp16', 'Mixed f16'],
    ['fp16+optim-state=fp8', 'fp16+optim-state=fp8', 'Mixed f16 (optim-state fp8)'],
    ['bf16+optimizer=lion', 'bf16+optimizer=lion', 'Mixed bf16 (optimizer lion)'],
    [
      'fp16+optimizer=stable-adamw+optim-state=bf16',
      'fp16+optim-state=bf16+optimizer=stable-adamw',
      'Mixed f16 (optim-state bf16, optimizer stable-adamw)',
    ],
    ['fp8+quantize-head', 'fp8+quantize-head=on', 'FP8 (quantize-head on)'],
    ['fp16+loss-scale=2^16', 'fp16+loss-scale=65536', 'Mixed f16 (loss-scale 65536)'],
    [
      'fp32+muon-lr=.010+optimizer=muon',
      'fp32+optimizer=muon+muon-lr=0.01',
      'FP32 (optimizer muon, muon-lr 0.01)',
    ],
    ['e5m2+rounding=rne', 'e5m2+rounding=rne', 'E5M2 simulated (rounding rne)'],
  ])('%s has one spelling and a title', (text, id, title) => {
    expect(readVariant(text)).toBe(id);
    expect(variantTitle(readVariant(text))).toBe(title);
    expect(modeOfVariant(readVariant(text))).toBe(id.split('+')[0]);
  });

  test('is read back from its spelling in every combination, and fits links, CSV and file names', () => {
    for (const mode of [...PRECISION_MODES, 'e5m2'] as const) {
      for (const { field, value } of offeredSettings({ mode, settings: new Map() })) {
        const id = variantId({ mode, settings: new Map([[field, value]]) });
        expect(parseVariant(id)).toEqual({ mode, settings: new Map([[field, value]]) });
        expect(id).toMatch(/^[a-z0-9_+=.-]+$/);
      }
    }
    expect(readVariant('fp16+loss-scale=2^100')).toMatch(/=\d{31}$/);
  });

  test.each([
    ['fp17', 'no precision mode "fp17"', 'Did you mean "fp16"'],
    ['fp17+optim-state=fp8', 'no precision mode "fp17"', 'Did you mean "fp16"'],
    ['fp16+optimstate=fp8', 'no setting "optimstate"', 'Did you mean "optim-state"'],
    ['fp16+', 'no setting ""', 'lists all of them'],
    ['fp16+optim-state=fp9', 'There is no optim-state "fp9"', 'Did you mean "fp8"'],
    ['fp16+optim-state', 'There is no optim-state ""', 'Choose one of'],
    ['fp16+optim-state=fp8+optim-state=fp8', 'gives optim-state twice', 'Leave one'],
    ['fp16+loss-scale=1e3', 'loss-scale is 1000, which is not a power of two', 'Try 1024'],
    ['fp16+loss-scale=many', 'loss-scale is "many", which is not a number', 'from 1 to'],
    ['fp16+rounding=rne', 'Mode fp16 rounds to nearest even, but rounding rne was given', 'e<X>m<Y>'],
    [
      'fp32+loss-scale=1024',
      'Mode fp32 does not scale the loss, but loss-scale 1024',
      'fp16, fp16-tf32, fp16-static or fp16-pure',
    ],
    ['bf16+quantize-head', 'Mode bf16 has no quantised LM head, but quantize-head', 'fp8 or fp8-delayed'],
  ])('%s is refused by name', (text, message, hint) => {
    const error = thrownBy(() => readVariant(text));
    expect(error.isUsage).toBe(true);
    expect(error.message).toContain(message);
    expect(error.hint).toContain(hint);
  });
});

describe('a comparison of variants', () => {
  test('gives each its own settings and all the shared ones', () => {
    const runs = compare(['fp32', 'fp16', 'fp16+optim-state=fp8+loss-scale=256'], { clip: 0.5 });
    expect(runs.map(({ mode }) => mode)).toEqual(['fp32', 'fp16', 'fp16+optim-state=fp8+loss-scale=256']);
    expect(runs.map(({ config: { optimState, lossScale, clip } }) => [optimState, lossScale, clip])).toEqual([
      ['f32', null, 0.5],
      ['f32', null, 0.5],
      ['fp8', 256, 0.5],
    ]);
  });

  test.each([
    [['fp16', 'fp16+optim-state=f32'], {}, 'fp16+optim-state=f32 is the same run as fp16'],
    [['e5m2', 'e5m2+rounding=rz'], {}, 'e5m2+rounding=rz is the same run as e5m2'],
    [['fp16', 'fp16+loss-scale=65536'], {}, 'fp16+loss-scale=65536 is the same run as fp16'],
    [['fp16', 'fp16+growth-interval=200'], {}, 'fp16+growth-interval=200 is the same run as fp16'],
    [['fp8', 'fp8+quantize-head=off'], {}, 'fp8+quantize-head=off is the same run as fp8'],
    [
      ['fp16+optim-state=fp8'],
      { optimState: 'bf16' },
      'optim-state was given for all runs and again in fp16+',
    ],
    [['bf16-sr+optim-state=fp8'], {}, 'needs f32 master weights, and mode bf16-sr keeps none'],
    [['fp16+optim-state=fp8-lm+optimizer=lion'], {}, 'lion does not support optimizer state fp8-lm'],
    [['fp16+loss-scale=1000'], {}, 'loss-scale is 1000, which is not a power of two'],
  ] as const)('%j with %j is refused by name', (modes, given, message) => {
    const error = thrownBy(() => compare(modes, given));
    expect(error.isUsage).toBe(true);
    expect(error.message).toContain(message);
  });
});

test('a configuration in another mode leaves out the settings that the mode does not take', () => {
  const [scaled] = compare(['fp16+loss-scale=256+optimizer=stable-adamw']);
  expect(inMode(scaled!.config, 'fp8+quantize-head=on')).toEqual({
    ...scaled!.config,
    precision: 'fp8',
    lossScale: null,
    growthInterval: null,
    quantizeHead: true,
  });
});

test('every setting has a value that it reads back, and one for modes without it', () => {
  for (const field of VARIANT_SETTINGS) {
    const { compared, default: unset } = rowOf(field);
    const values = compared!.map((text) => readSetting(field, text));
    for (const value of values) expect(readSetting(field, writeSetting(field, value))).toBe(value);
    expect(unset === null || values.includes(unset), field).toBe(true);
  }
});
