import { expect, test } from 'vitest';
import { readAddress } from '../../../src/store/address.ts';
import { addressQuery } from '../../../src/store/addressBar.ts';
import { DEFAULT_SETTINGS, type Settings } from '../../../src/store/settings.ts';

const queryOf = (change: Partial<Settings>, presetChosen: boolean, before = '') =>
  addressQuery(before, { settings: { ...DEFAULT_SETTINGS, ...change }, presetChosen });

test('a preset that was not chosen is left to the adapter', () => {
  expect(queryOf({ lr: 1e-3 }, false)).toBe('?precision=fp16&lr=0.001');
  expect(queryOf({ lr: 1e-3, preset: 'smoke' }, true)).toBe('?preset=smoke&precision=fp16&lr=0.001');
});

test('what the address has beside the settings stays, but it no longer starts by itself', () => {
  const before = '?preset=smoke&steps=4&autostart=1&ui=still&autosave=2';
  expect(queryOf({ steps: 8 }, true, before)).toBe(
    '?preset=starter&precision=fp16&steps=8&ui=still&autosave=2',
  );
});

test('it opens the page with the settings that it was written for', () => {
  const change: Partial<Settings> = {
    modes: ['fp32', 'fp16+optim-state=fp8'],
    preset: 'smoke',
    'loss-scale': 1024,
    seeds: 3,
    schedule: 'lockstep',
  };
  const { settings, problems } = readAddress(queryOf(change, true), DEFAULT_SETTINGS);
  expect(problems).toEqual([]);
  expect(settings).toMatchObject(change);
});

test.each(['lossScale', 'loss-scale'])('%s is read, as in old links and as on the command line', (name) => {
  expect(readAddress(`?${name}=2^10`, DEFAULT_SETTINGS)).toMatchObject({
    settings: { 'loss-scale': 1024 },
    problems: [],
  });
});
