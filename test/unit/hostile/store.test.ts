/** 10,000 damaged bundles of runs and 10,000 damaged links: each is refused with a reason, or read correctly. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { readAddress } from '../../../src/store/address.ts';
import { parseBundle, writeBundle } from '../../../src/store/history/bundle.ts';
import { DEFAULT_SETTINGS, type Settings, settingsProblem } from '../../../src/store/settings.ts';
import { shareQuery } from '../../../src/store/shareLink.ts';
import { record } from '../store/history/fixtures.ts';
import { damaged, RUNS, tampered } from './damage.ts';

const encode = (text: string) => new TextEncoder().encode(text);
const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const halves = { ...RUNS, numRuns: RUNS.numRuns / 2 };

/** How many were read: a test with refusals only would show little. */
const read = { bundles: 0, links: 0 };

function isBundleOrProblem(text: string): void {
  const reading = parseBundle(text);
  if ('problem' in reading) {
    expect(reading.problem.message.length).toBeLessThan(500);
    expect(reading.problem.hint).toMatch(/Nothing was imported/);
  } else {
    read.bundles += 1;
    // A bundle that was accepted can be written and read again: all of it conforms to the schema.
    expect(JSON.stringify(parseBundle(writeBundle(reading.runs)))).toBe(JSON.stringify(reading));
  }
  expect(({} as { x?: number }).x).toBeUndefined();
}

test('bundles', () => {
  const bundle = writeBundle([record(), record({ id: 'two', summary: null, outcome: 'failed' })]);
  fc.assert(fc.property(damaged(encode(bundle)).map(decode), isBundleOrProblem), halves);
  fc.assert(fc.property(tampered(bundle), isBundleOrProblem), halves);
  expect(read.bundles).toBeGreaterThan(100);
});

const links = (
  [
    DEFAULT_SETTINGS,
    {
      ...DEFAULT_SETTINGS,
      preset: 'smoke',
      modes: ['fp32', 'fp16'],
      seed: 7,
      text: 'code',
      'loss-scale': 1024,
    },
    {
      ...DEFAULT_SETTINGS,
      layers: 3,
      width: 96,
      heads: 3,
      lr: 3e-4,
      untied: '1',
      tokenizer: 'byte',
      seeds: 3,
    },
  ] satisfies Settings[]
).map((settings) => encode(`${shareQuery(settings)}&autostart=1&ui=still`));

const KEYS = [...new Set(links.flatMap((link) => [...new URLSearchParams(decode(link)).keys()]))];
const VALUES = [
  '',
  '0',
  '-1',
  '1e999',
  '2^64',
  '2^999',
  'NaN',
  '9'.repeat(400),
  '__proto__',
  'fp16,fp16',
  '%',
  '\0',
];
const strange = fc
  .array(fc.tuple(fc.constantFrom(...KEYS, '__proto__', 'constructor'), fc.constantFrom(...VALUES)), {
    minLength: 1,
    maxLength: 4,
  })
  .map((pairs) => `?${new URLSearchParams(pairs)}`);

function isAddressOrProblem(query: string): void {
  const { settings, autostart, problems } = readAddress(query, DEFAULT_SETTINGS);
  for (const { message, hint } of problems) {
    expect(message.length).toBeLessThan(300);
    expect(hint.length).toBeLessThan(1000);
  }
  if (problems.length > 0) {
    expect(autostart).toBe(false);
    return;
  }
  read.links += 1;
  const whole = { ...DEFAULT_SETTINGS, ...settings };
  expect(settingsProblem(whole)).toBeNull();
  expect({ ...DEFAULT_SETTINGS, ...readAddress(shareQuery(whole), DEFAULT_SETTINGS).settings }).toEqual(
    whole,
  );
}

test('links', () => {
  fc.assert(fc.property(damaged(...links).map(decode), isAddressOrProblem), halves);
  fc.assert(fc.property(strange, isAddressOrProblem), halves);
  expect(read.links).toBeGreaterThan(100);
});
