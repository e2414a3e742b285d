import { expect, test } from 'vitest';
import { titlesOf } from '../../../src/app/features/settings/settingWords.ts';
import { isModelKind } from '../../../src/engine/config/gptConfig.ts';
import { PRESET_NAMES } from '../../../src/engine/config/presets.ts';
import { FIELDS, rowOf } from '../../../src/engine/config/settings/table.ts';
import { integerAt } from '../../../src/engine/core/rng.ts';
import { TEXT_IDS } from '../../../src/engine/data/builtins.ts';
import type { TokenizerChoice } from '../../../src/engine/data/tokenizer.ts';
import { PRECISION_MODES } from '../../../src/engine/precision/recipes.ts';
import { SCHEDULES } from '../../../src/session/protocol.ts';
import { readAddress } from '../../../src/store/address.ts';
import {
  DEFAULT_SETTINGS,
  fieldOf,
  isNumber,
  MAX_SEEDS,
  PRESET_SETTINGS,
  type PresetSetting,
  type Settings,
  settingsProblem,
} from '../../../src/store/settings.ts';
import { leftOutOfLink, shareQuery } from '../../../src/store/shareLink.ts';

const choicesOf = (key: PresetSetting) => Object.keys(titlesOf(key));

/** Random settings over all choices; about half of the numbers are left to the preset. */
function randomSettings(seed: number): Settings {
  let position = 0;
  const draw = (bound: number) => integerAt(position++, seed, bound);
  const one = <T>(choices: readonly T[]): T => choices[draw(choices.length)]!;
  const number = (value: number) => (draw(2) === 0 ? null : value);
  const maybe = <T>(choices: readonly T[]) => (draw(2) === 0 ? null : one(choices));
  // Few modes take what not all do.
  const choices = Object.fromEntries(
    PRESET_SETTINGS.filter((key) => !isNumber(key)).map((key) => [
      key,
      draw(rowOf(fieldOf(key)).takenBy || isModelKind(fieldOf(key)) || RARE.has(fieldOf(key)) ? 10 : 2) === 0
        ? one(choicesOf(key))
        : null,
    ]),
  ) as Partial<Settings>;
  return {
    ...DEFAULT_SETTINGS,
    preset: one(PRESET_NAMES),
    modes: [
      ...new Set([
        one(PRECISION_MODES),
        one(PRECISION_MODES),
        one([...PRECISION_MODES, 'e5m2', 'e8m3', 'e5m2+rounding=rne', 'fp16+loss-scale=256'] as const),
      ]),
    ],
    schedule: one(SCHEDULES),
    seeds: 1 + draw(MAX_SEEDS),
    ...choices,
    tokenizer: maybe([...choicesOf('tokenizer'), 'bpe:300'] as TokenizerChoice[]),
    'optim-state': maybe(['f32', 'bf16'] as const), // in any mode
    vocab: number(1 + draw(60_000)),
    batch: number(1 + draw(64)),
    lr: number(1e-4 * (1 + draw(20))),
    text: one(TEXT_IDS),
    steps: number(1 + draw(100_000)),
    seed: number(draw(2 ** 32 - 10)),
    'amax-history': draw(10) === 0 ? 1 + draw(1024) : null,
    'scale-margin': draw(10) === 0 ? draw(17) : null,
    'loss-scale': draw(10) === 0 ? 2 ** draw(30) : null,
    'growth-interval': draw(10) === 0 ? 1 + draw(5000) : null,
    sample: number(draw(500)),
  };
}

/** What has an effect only beside some values of another setting. */
const CONDITIONAL = FIELDS.flatMap((field) => Object.values(rowOf(field).disables ?? {}).flat());
/** Those, and what few modes or other settings go with. */
const RARE = new Set([...CONDITIONAL, 'master', 'skip']);

test('a link restores the settings it was made from and starts nothing', () => {
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

test('a link contains the preset, the mode, and only differences from them', () => {
  expect(shareQuery(DEFAULT_SETTINGS)).toBe('?preset=starter&precision=fp16');
  const modes = ['fp32', 'fp16'] as const;
  expect(shareQuery({ ...DEFAULT_SETTINGS, preset: 'smoke', seed: 7, modes, text: 'code' })).toBe(
    '?preset=smoke&modes=fp32,fp16&seed=7&text=code',
  );
  expect(shareQuery({ ...DEFAULT_SETTINGS, modes: ['fp16', 'fp16+optim-state=fp8'] })).toBe(
    '?preset=starter&modes=fp16,fp16+optim-state=fp8',
  );
});

test('the visitor’s own text is left out of the link, with a note', () => {
  const settings: Settings = { ...DEFAULT_SETTINGS, text: 'own' };
  expect(shareQuery(settings)).not.toContain('text');
  expect(leftOutOfLink(settings)).toMatch(/stays on this device.*Moby Dick/);
  expect(leftOutOfLink(DEFAULT_SETTINGS)).toBeNull();
});
