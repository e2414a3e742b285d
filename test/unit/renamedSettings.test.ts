/** Settings that had another name: every way in reads the old one, and nothing writes it. */
import { expect, test } from 'vitest';
import { parseCommand } from '../../src/cli/options.ts';
import { configure } from '../../src/engine/config/configure.ts';
import { PRESETS } from '../../src/engine/config/presets.ts';
import { currentFields } from '../../src/engine/config/settings/table.ts';
import { currentVariant, readVariant, type VariantId } from '../../src/engine/experiments/variants.ts';
import { readAddress } from '../../src/store/address.ts';
import { DEFAULT_SETTINGS, overridesOf } from '../../src/store/settings.ts';
import { shareQuery } from '../../src/store/shareLink.ts';
import { sweepsOf } from '../../src/store/sweep/records.ts';

const GIVEN = { quantizeHead: true, quantizeActivations: '1x16', scaleMargin: 2 } as const;

test('options', () => {
  const line = '--precision fp8-delayed --fp8-head --fp8-activations 1x16 --fp8-margin 2';
  expect(parseCommand(line.split(' '))).toMatchObject({ config: GIVEN });
});

test('links, which are written anew with the names of now', () => {
  const { settings, problems } = readAddress(
    '?precision=fp8-delayed&fp8-head=1&fp8-activations=1x16&fp8-margin=2',
    DEFAULT_SETTINGS,
  );
  expect(problems).toEqual([]);
  const whole = { ...DEFAULT_SETTINGS, ...settings };
  expect(overridesOf(whole)).toMatchObject(GIVEN);
  expect(shareQuery(whole)).toMatch(/quantize-head=1/);
  expect(shareQuery(whole)).not.toMatch(/fp8-head|fp8-activations|fp8-margin/);
});

test('variants of modes', () => {
  expect(readVariant('fp8+fp8-head')).toBe('fp8+quantize-head=on');
  expect(readVariant('fp8-delayed+fp8-margin=1+fp8-head=on')).toBe(
    'fp8-delayed+quantize-head=on+scale-margin=1',
  );
  // Of a mode that this version does not have.
  expect(currentVariant('fp9+fp8-head=on+other=1' as VariantId)).toBe('fp9+fp8-head=on+other=1');
});

test('fields of programs and files', () => {
  const written = { fp8Head: true, fp8Activations: '1x16', fp8Margin: 2 };
  expect(currentFields(written)).toEqual(GIVEN);
  expect(configure(PRESETS.smoke.config, { precision: 'fp8-delayed', ...written })).toMatchObject(GIVEN);
});

test('sweeps of the page', () => {
  const plan = {
    version: 1,
    kind: 'plan',
    id: 'a',
    time: 1,
    preset: 'smoke',
    given: { fp8Head: true },
    text: 'copy',
    grid: { modes: ['fp8', 'fp8+fp8-activations=1x16'], learningRates: [1e-3], seeds: [7] },
    settings: { fp8Head: true, steps: 40 },
  };
  const cell = {
    mode: 'fp8+fp8-activations=1x16',
    learningRate: 1e-3,
    seed: 7,
    loss: 2,
    stopped: null,
    steps: 40,
    skippedSteps: 0,
    tokensPerSec: null,
    seconds: 1,
  };
  const stored = [
    { id: 'a', value: plan },
    { id: 'a/fp8+fp8-activations=1x16/0.001/7', value: { version: 1, kind: 'cell', sweep: 'a', cell } },
  ];
  const mode = 'fp8+quantize-activations=1x16';
  expect(sweepsOf(stored)).toMatchObject({
    sweeps: [
      {
        given: { quantizeHead: true },
        settings: { quantizeHead: true, steps: 40 },
        grid: { modes: ['fp8', mode] },
        cells: [{ mode }],
      },
    ],
    unreadable: 0,
  });
});
