import { expect, test } from 'vitest';
import { PRESETS } from '../../src/engine/config/presets.ts';
import { checkConfig } from '../../src/engine/config/trainConfig.ts';
import { randomBits } from '../../src/engine/core/rng.ts';
import { comparedRuns } from '../../src/engine/experiments/planned.ts';
import { assemble } from '../../src/engine/gpu/shaders.ts';
import { bandsOf } from '../../src/engine/inspect/bands.ts';
import { formatInfo, preludeOf, preludeSource } from '../../src/engine/precision/formats.ts';
import {
  isPrecisionMode,
  modeSuggestion,
  PRECISION_MODES,
  recipeFor,
  recipeOf,
} from '../../src/engine/precision/recipes.ts';
import { ROUNDINGS, type SimulatedFormat } from '../../src/engine/precision/simulated.ts';
import {
  decodeBits,
  encodeBits,
  f32Bits,
  fromF32Bits,
  roundTo,
} from '../../src/engine/reference/rounding.ts';
import { thrownBy } from './thrownBy.ts';

const EXPONENTS = [2, 3, 4, 5, 6, 7, 8];
const MANTISSAS = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10];
const ALL: readonly SimulatedFormat[] = EXPONENTS.flatMap((x) =>
  MANTISSAS.flatMap((y) => ROUNDINGS.map((rounding) => `e${x}m${y}-${rounding}` as const)),
);
const BITS = Array.from({ length: 20_000 }, (_, i) => randomBits(i, 3));
/** Random bits seldom fall into a narrow range: these do, around 1. */
const NEAR_ONE = BITS.map((bits) => ((bits & 0x8fffffff) | 0x38000000) >>> 0);

test('a mode is named by its bits, and other names are refused with what is possible', () => {
  for (const name of ['e2m1', 'e8m10', 'e5m2', 'e4m3']) {
    expect(isPrecisionMode(name)).toBe(true);
    expect(recipeOf(name)).toBe(recipeOf(name));
    expect(recipeOf(name).storages.activation.format).toBe(`${name}-rz`);
  }
  for (const [name, nearest] of [
    ['e9m2', 'e8m2'],
    ['e1m3', 'e2m3'],
    ['e8m11', 'e8m10'],
    ['e8m0', 'e8m1'],
    ['e08m2', 'e8m2'],
    ['E5M2', 'e5m2'],
  ] as const) {
    expect(isPrecisionMode(name)).toBe(false);
    const error = thrownBy(() => recipeOf(name));
    expect(error).toMatchObject({ code: 'UNKNOWN_MODE', message: `There is no precision mode "${name}".` });
    expect(error.hint).toBe(
      `Simulated modes are e<X>m<Y> with X from 2 to 8 and Y from 1 to 10: the nearest is "${nearest}".`,
    );
  }
  expect(modeSuggestion('fp17')).toBe('Did you mean "fp16"?');
});

test('a rounding is of simulated modes only', () => {
  const config = { ...PRESETS.smoke.config, rounding: 'rne' } as const;
  expect(recipeFor({ ...config, precision: 'e8m3' }).storages.weight.format).toBe('e8m3-rne');
  expect(recipeFor({ precision: 'e8m3', rounding: null }).storages.weight.format).toBe('e8m3-rz');
  checkConfig({ ...config, precision: 'e8m3' });
  for (const precision of PRECISION_MODES) {
    const { code, message } = thrownBy(() => checkConfig({ ...config, precision }));
    expect([code, message]).toEqual([
      'BAD_VALUE',
      `Mode ${precision} rounds to nearest even, but rounding rne was given.`,
    ]);
  }
  // In a comparison it goes to the modes that take it.
  const both = comparedRuns(PRESETS.smoke.config, { rounding: 'rne' }, ['fp32', 'e8m3'], 1);
  expect(both.map(({ config: { rounding } }) => rounding)).toEqual([null, 'rne']);
  expect(thrownBy(() => comparedRuns(PRESETS.smoke.config, { rounding: 'rne' }, ['fp32'], 1)).code).toBe(
    'BAD_VALUE',
  );
});

test('known formats are simulated exactly', () => {
  for (const bits of [...BITS, ...NEAR_ONE, 0x7f7fffff, 0x7f7ff000, 0x7f7fefff, 0x7f800000, 0, 0x80000000]) {
    const nan = (bits & 0x7fffffff) > 0x7f800000;
    expect(encodeBits('e8m10-rne', bits)).toBe(encodeBits('tf32', bits));
    if (!nan) expect(encodeBits('e8m7-rne', bits)).toBe((encodeBits('bf16', bits) << 16) >>> 0);
    expect(fromF32Bits(encodeBits('e5m2-rne', bits))).toBe(decodeBits('e5m2', encodeBits('e5m2', bits)));
    const f16 = decodeBits('f16', encodeBits('f16', bits));
    const clipped = Math.max(-65504, Math.min(65504, f16));
    expect(Object.is(fromF32Bits(encodeBits('e5m10-rne', bits)), clipped)).toBe(true);
  }
});

test('truncation keeps the largest value that is not larger, and says where a value would have been clipped', () => {
  for (const format of ALL) {
    const { exponentBits, mantissaBits, overflowBits, saturates, truncates } = formatInfo(format);
    const bias = 2 ** (exponentBits - 1) - 1;
    const largest = (2 - 2 ** -mantissaBits) * 2 ** bias;
    const smallest = 2 ** (1 - bias - mantissaBits);
    expect(roundTo(format, largest)).toBe(largest);
    expect(roundTo(format, smallest)).toBe(smallest);
    expect(roundTo(format, smallest * 0.75)).toBe(truncates ? 0 : smallest);
    expect(roundTo(format, smallest * 0.5)).toBe(0);
    const below = fromF32Bits(overflowBits - 1);
    expect(roundTo(format, below)).toBe(largest);
    expect(roundTo(format, fromF32Bits(overflowBits))).toBe(saturates ? largest : Number.POSITIVE_INFINITY);
    expect(roundTo(format, Number.POSITIVE_INFINITY)).toBe(saturates ? largest : Number.POSITIVE_INFINITY);
    expect(roundTo(format, Number.NaN)).toBeNaN();
    const exponent = Math.log2(smallest) - (truncates ? 0 : 1);
    expect(bandsOf(format)).toEqual({ keptFrom: exponent, normalFrom: 1 - bias, overflowFrom: bias + 1 });
    for (const bits of NEAR_ONE.slice(0, 200)) {
      const x = fromF32Bits(bits);
      const rounded = roundTo(format, x);
      const step = 2 ** (Math.max(1 - bias, Math.floor(Math.log2(Math.abs(x)))) - mantissaBits);
      const error = Math.abs(x) - Math.abs(rounded);
      if (Math.abs(x) > largest) expect(Math.abs(rounded)).toBe(largest);
      else if (truncates) expect(error >= 0 && error < step).toBe(true);
      else expect(Math.abs(error)).toBeLessThanOrEqual(step / 2);
      expect(Number.isInteger(rounded / step)).toBe(true);
      expect(f32Bits(-rounded)).toBe(encodeBits(format, (bits ^ 0x80000000) >>> 0));
    }
  }
});

test('golden vectors of truncation', () => {
  for (const [bits, wanted] of [
    [0x3e99999a, 0x3e998000],
    [0x387fda40, 0x387fc000],
    [0x477ff000, 0x477fe000],
    [0x476ffffd, 0x476fe000],
    [0x3f803000, 0x3f802000],
    [0x7f7fffff, 0x7f7fe000],
  ] as const) {
    expect(encodeBits('e8m10-rz', bits)).toBe(wanted);
  }
  expect(fromF32Bits(encodeBits('e4m3-rz', 0x3fffffff))).toBe(1.875);
  expect(fromF32Bits(encodeBits('e5m2-rz', 0x3fffffff))).toBe(1.75);
});

test('formats that share a prelude differ in its constants', () => {
  expect(preludeSource('e5m2')).toEqual({ file: 'e5m2', constants: {} });
  expect(preludeSource('e5m2-rz')).toEqual({
    file: 'simulated',
    constants: { EXPONENT_BITS: 5, MANTISSA_BITS: 2, TRUNCATES: true },
  });
  expect(preludeSource('e5m2-rne').constants.TRUNCATES).toBe(false);
  for (const half of ['native', 'packed'] as const) {
    const [kept, flushed] = (['f16', 'f16-flush'] as const).map((id) => preludeSource(preludeOf(id, half)));
    expect(kept).toEqual({ file: `f16_${half}`, constants: { FLUSHES: false, SATURATES: false } });
    expect(flushed).toEqual({ file: `f16_${half}`, constants: { FLUSHES: true, SATURATES: false } });
  }
});

test('each slot of a kernel has the constants of its own format', async () => {
  for (const [inp, out, flushes] of [
    ['f16_packed', 'f16_packed_flush', true],
    ['f16_packed_flush', 'f16_packed', false],
  ] as const) {
    const slots = { inp, out };
    const { code } = await assemble({ kernel: 'convert_format', slots, conditions: {}, constants: {} });
    // Only what is stored rounds.
    expect(code.match(/const \w*FLUSHES = \w+/g)).toEqual([`const out_FLUSHES = ${flushes}`]);
  }
});
