import { expect, test } from 'vitest';
import { TEXT_IDS } from '../../../src/engine/data/builtins.ts';
import { PRESET_NAMES } from '../../../src/engine/model/presets.ts';
import { PRECISION_MODES } from '../../../src/engine/precision/recipes.ts';
import { integerAt } from '../../../src/engine/rng.ts';
import { readAddress } from '../../../src/store/address.ts';
import {
  DEFAULT_SETTINGS,
  HALF_CHOICES,
  type Settings,
  settingsProblem,
} from '../../../src/store/settings.ts';
import { leftOutOfLink, shareQuery } from '../../../src/store/shareLink.ts';

/** Settings drawn from everything that can be chosen; about half of the numbers are left to the preset. */
function randomSettings(seed: number): Settings {
  let position = 0;
  const draw = (bound: number) => integerAt(position++, seed, bound);
  const one = <T>(choices: readonly T[]): T => choices[draw(choices.length)]!;
  const maybe = (value: number) => (draw(2) === 0 ? null : value);
  return {
    ...DEFAULT_SETTINGS,
    preset: one(PRESET_NAMES),
    precision: one(PRECISION_MODES),
    compare: draw(2) === 0 ? null : one(PRECISION_MODES),
    text: one(TEXT_IDS),
    steps: maybe(1 + draw(100_000)),
    seed: maybe(draw(2 ** 32 - 1)),
    f16: one(HALF_CHOICES),
    lossScale: maybe(2 ** draw(30)),
    growthInterval: maybe(1 + draw(5000)),
    sample: maybe(draw(500)),
  };
}

test('a link opens with the settings that it was made from, and starts nothing', () => {
  let sound = 0;
  for (let seed = 0; seed < 500; seed++) {
    const settings = randomSettings(seed);
    const address = readAddress(shareQuery(settings), DEFAULT_SETTINGS);
    expect({ ...DEFAULT_SETTINGS, ...address.settings }).toEqual(settings);
    expect(address.autostart).toBe(false);
    const problem = settingsProblem(settings);
    expect(address.problems).toEqual(problem ? [problem] : []);
    if (!problem) sound += 1;
  }
  expect(sound).toBeGreaterThan(100);
});

test('a link names the preset, the mode, and only what differs from them', () => {
  expect(shareQuery(DEFAULT_SETTINGS)).toBe('?preset=starter&precision=fp16');
  expect(shareQuery({ ...DEFAULT_SETTINGS, preset: 'smoke', seed: 7, compare: 'fp32', text: 'code' })).toBe(
    '?preset=smoke&precision=fp16&compare=fp32&text=code&seed=7',
  );
});

test('an own text is left out, and said to be', () => {
  const settings: Settings = { ...DEFAULT_SETTINGS, text: 'own' };
  expect(shareQuery(settings)).not.toContain('text');
  expect(leftOutOfLink(settings)).toMatch(/stays on this device.*Moby Dick/);
  expect(leftOutOfLink(DEFAULT_SETTINGS)).toBeNull();
});
