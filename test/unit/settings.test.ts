/** Everything about settings follows from one table: `--help`, the page, links, files and what is said of wrong values. */
import { createElement } from 'react';
import { renderToStaticMarkup } from 'react-dom/server';
import { afterEach, describe, expect, test } from 'vitest';
import RoundingField from '../../src/app/features/modes/RoundingField.tsx';
import { NumberSettingField } from '../../src/app/features/settings/NumberSettings.tsx';
import SettingFields from '../../src/app/features/settings/SettingFields.tsx';
import { GROUPS, helpOf, settingsIn, testIdOf } from '../../src/app/features/settings/settingWords.ts';
import { helpText } from '../../src/cli/help.ts';
import { parseCommand } from '../../src/cli/options.ts';
import { OPTIONS } from '../../src/cli/optionTable.ts';
import { openRun } from '../../src/engine/checkpoint/openRun.ts';
import { bytesSource } from '../../src/engine/checkpoint/randomAccess.ts';
import { writeSafetensors } from '../../src/engine/checkpoint/safetensors.ts';
import { configure } from '../../src/engine/config/configure.ts';
import { PRESETS } from '../../src/engine/config/presets.ts';
import {
  DEFAULTS,
  FIELDS,
  type Field,
  fieldOfOption,
  optionNames,
  rowOf,
} from '../../src/engine/config/settings/table.ts';
import { checkSetting } from '../../src/engine/config/settings/values.ts';
import { checkConfig } from '../../src/engine/config/trainConfig.ts';
import { readVariant } from '../../src/engine/experiments/variants.ts';
import { readAddress } from '../../src/store/address.ts';
import {
  DEFAULT_SETTINGS,
  fieldOf,
  isNumber,
  type NumberSetting,
  PRESET_SETTINGS,
  type Settings,
  settingsProblem,
} from '../../src/store/settings.ts';
import { useSettings } from '../../src/store/settingsStore.ts';
import { thrownBy } from './thrownBy.ts';

const first = { ...useSettings.getInitialState() };
afterEach(() => {
  Object.assign(useSettings.getInitialState(), first);
  useSettings.setState(first, true);
});

/** What the page draws with these settings, as HTML. */
function drawn(element: React.ReactElement, settings: Partial<Settings> = {}): string {
  useSettings.getState().choose(settings);
  // React draws the first state of a store where there is no browser.
  Object.assign(useSettings.getInitialState(), useSettings.getState());
  return renderToStaticMarkup(element);
}

describe('the table', () => {
  test('has one name for each setting, and a default that it takes', () => {
    const names = FIELDS.flatMap(optionNames);
    expect(new Set(names).size).toBe(names.length);
    for (const field of FIELDS) {
      checkSetting(field, DEFAULTS[field]);
      expect(fieldOfOption(rowOf(field).option)).toBe(field);
    }
    checkConfig(DEFAULTS);
  });

  test('has a help that is a part of a sentence', () => {
    for (const field of FIELDS) {
      const { help, label } = rowOf(field);
      expect(help, field).toMatch(/^(\S*[a-z]\S* |StableAdamW).*[^.]$/);
      expect(label, field).toMatch(/^([A-Zf]|muP)/);
    }
  });
});

describe('--help and the page', () => {
  test('list the settings of the table, and no others', () => {
    const listed = [...helpText().matchAll(/^ {2}--([\w-]+)/gm)].map(([, name]) => name!);
    const ofFiles = OPTIONS.filter(({ kind }) => kind !== 'setting').map(({ name }) => name);
    const options = FIELDS.map((field) => rowOf(field).option);
    expect(listed.filter((name) => !ofFiles.includes(name)).sort()).toEqual([...options].sort());
    // Modes have fields of their own on the page.
    expect([...PRESET_SETTINGS, 'precision'].sort()).toEqual([...options].sort());
  });

  test('the page draws a field of each, with its words', () => {
    // With modes and values beside which every setting has an effect.
    const modes = ['fp16', 'fp8-delayed', 'e5m2', 'fp16-pure', 'i8g8', 'mxfp8', 'nvfp4'] as const;
    const settings = { modes, position: 'rope', optimizer: 'muon', 'precision-schedule': 'noise' } as const;
    const html = [
      ...GROUPS.map(({ settings: keys }) => drawn(createElement(SettingFields, { keys }), settings)),
      drawn(createElement(RoundingField), settings),
      ...settingsIn('run')
        .filter(isNumber)
        .map((name) => drawn(createElement(NumberSettingField, { name }), settings)),
    ].join('');
    const text = html.replaceAll('&#x27;', "'").replaceAll('&lt;', '<').replaceAll('&gt;', '>');
    for (const key of PRESET_SETTINGS) {
      expect(text, key).toContain(`data-testid="${testIdOf(key)}"`);
      expect(text, key).toContain(rowOf(fieldOf(key)).label);
      expect(text, key).toContain(helpOf(key));
    }
  });

  test('the terminal says the same of each', () => {
    const help = helpText().replace(/\s+/g, ' ');
    for (const field of FIELDS) expect(help, field).toContain(rowOf(field).help.replace(/\s+/g, ' '));
  });
});

/** A saved run with these fields of its configuration, as a file. */
async function problemOfFile(config: Readonly<Record<string, unknown>>): Promise<string> {
  const run = {
    version: 1,
    config: { ...PRESETS.smoke.config, ...config },
    storage: null,
    kernels: { matmul: 'register8' },
    adapter: 'a GPU',
    text: { name: 'text.txt', checksum: '0', builtin: null },
    tokenizer: { kind: 'byte' },
    firstLoss: null,
    savedAt: 0,
    progress: { attempted: 2, applied: 2, skipped: 0, lossScale: 1, growthTracker: 0, nextMicroBatch: 2 },
  };
  const pieces: Uint8Array[] = [];
  for await (const piece of writeSafetensors([], { halfstep: JSON.stringify(run) }))
    pieces.push(piece.slice());
  const opened = openRun(bytesSource('a.safetensors', Buffer.concat(pieces)));
  return opened.then(
    () => 'no problem',
    ({ message }) => message,
  );
}

const linkProblems = (query: string) =>
  readAddress(query, DEFAULT_SETTINGS).problems.map(({ message, hint }) => `${message} ${hint}`);

const optionProblem = (...args: string[]) => {
  const { message, hint } = thrownBy(() => parseCommand(args));
  return `${message} ${hint}`;
};

/** Of a number the field; of a choice, whose field offers no other value, what the page says of the settings. */
function pageProblem(key: (typeof PRESET_SETTINGS)[number], text: string): string {
  if (isNumber(key)) {
    useSettings.getState().typeNumber(key as NumberSetting, text);
    return drawn(createElement(NumberSettingField, { name: key })).replaceAll('&quot;', '"');
  }
  const { message, hint } = settingsProblem({ ...DEFAULT_SETTINGS, [key]: text } as Settings)!;
  return `${message} ${hint}`;
}

describe('a bad value is refused in one sentence, whichever way it comes in', () => {
  test.each([
    ['steps', 'many', 'steps is "many", which is not a number.', 'a whole number from 0 to 1000000'],
    ['steps', '-5', 'steps is -5.', 'a whole number from 0 to 1000000'],
    ['ctx', '0', 'ctx is 0.', 'a whole number from 1 to'],
    ['lr', '11', 'lr is 11.', 'a number from 0 to 10'],
    ['seed', '1.5', 'seed is 1.5.', 'a whole number from 0 to 4294967295'],
    [
      'loss-scale',
      '60000',
      'loss-scale is 60000, which is not a power of two from 1 to 2^126.',
      'Try 65536.',
    ],
    ['optimizer', 'stable-adam', 'There is no optimizer "stable-adam".', 'Did you mean "stable-adamw"?'],
    ['order', 'randon', 'There is no order "randon".', 'Did you mean "random"?'],
    ['optim-state', 'fp9', 'There is no optim-state "fp9".', 'Did you mean "fp8"?'],
    ['f16', 'nativ', 'There is no f16 "nativ".', 'Did you mean "native"?'],
    ['tokenizer', 'bpe:1', 'tokenizer is "bpe:1".', 'from 256 to 65536'],
    ['rounding', 'rnd', 'There is no rounding "rnd".', 'Did you mean "rne"?'],
  ] as const)('%s %s', async (key, text, sentence, hint) => {
    const field = fieldOf(key);
    const { kind } = rowOf(field);
    const value = kind === 'number' && Number.isFinite(Number(text)) ? Number(text) : text;
    const ways = {
      option: optionProblem(`--${key}`, text),
      link: linkProblems(`?${key}=${text}`)[0],
      page: pageProblem(key, text),
    };
    for (const [way, said] of Object.entries(ways)) {
      expect(said, way).toContain(sentence);
      expect(said, way).toContain(hint);
    }
    expect(await problemOfFile({ [field]: value })).toContain(sentence);
    if (rowOf(field).compared) {
      const error = thrownBy(() => readVariant(`fp16+${key}=${text}`));
      expect(`${error.message} ${error.hint}`).toContain(sentence);
    }
  });

  test('a mode', async () => {
    const sentence = 'There is no precision mode "fp17". Did you mean "fp16"?';
    expect(optionProblem('--precision', 'fp17')).toBe(sentence);
    expect(linkProblems('?precision=fp17')).toEqual([sentence]);
    expect(linkProblems('?modes=fp32,fp17')).toEqual([sentence]);
    expect(await problemOfFile({ precision: 'fp17' })).toContain('There is no precision mode "fp17".');
    expect(thrownBy(() => readVariant('fp17+optim-state=fp8')).message).toBe(
      'There is no precision mode "fp17".',
    );
  });
});

test('a whole number that is rounded when it is read is quoted as it was written', () => {
  const written = '9007199254740993'; // 2^53 + 1
  expect(optionProblem('--seed', written)).toContain(`seed is ${written}.`);
  expect(linkProblems(`?seed=${written}`)[0]).toContain(`seed is ${written}.`);
});

test.each(['optimiser', '__proto__', 'constructor'])('the unknown name %s', async (name) => {
  const sentence = `There is no setting "${name}".`;
  expect(optionProblem(`--${name}`)).toContain(sentence);
  expect(linkProblems(`?${name}=1`)[0]).toContain(sentence);
  // Of a file JavaScript's own names are never read.
  const ofFile = await problemOfFile(JSON.parse(`{"${name}":1}`));
  expect(ofFile).toContain(name === 'optimiser' ? sentence : 'no problem');
  expect(thrownBy(() => configure(DEFAULTS, JSON.parse(`{"${name}":1}`))).message).toBe(sentence);
  expect(thrownBy(() => readVariant(`fp16+${name}=1`)).message).toBe(sentence);
  if (name === 'optimiser') {
    expect(optionProblem(`--${name}`)).toMatch(/Did you mean "optimizer"\?$/);
    expect(linkProblems(`?${name}=1`)[0]).toMatch(/Did you mean "optimizer"\?$/);
  }
});

describe('a setting that the mode does not take is refused in one sentence', () => {
  test.each([
    ['loss-scale', '1024', 'bf16', 'Mode bf16 does not scale the loss, but loss-scale 1024 was given.'],
    ['rounding', 'rne', 'fp32', 'Mode fp32 rounds to nearest even, but rounding rne was given.'],
    [
      'scale-margin',
      '2',
      'fp8',
      'Mode fp8 does not take scales from steps before, but scale-margin 2 was given.',
    ],
    ['quantize-head', '', 'fp16', 'Mode fp16 has no quantised LM head, but quantize-head was given.'],
    ['growth-interval', '7', 'tf32', 'Mode tf32 has no dynamic loss scale, but growth-interval 7 was given.'],
  ] as const)('%s %s in %s', async (key, text, mode, sentence) => {
    const field: Field = fieldOf(key);
    const values = text === '' ? [] : [text];
    expect(optionProblem('--precision', mode, `--${key}`, ...values)).toContain(sentence);
    expect(linkProblems(`?precision=${mode}&${key}=${text}`)[0]).toContain(sentence);
    expect(thrownBy(() => readVariant(`${mode}+${key}=${text}`)).message).toBe(sentence);
    // Presets give a growth interval whatever the mode, so that every file has one.
    if (key !== 'growth-interval') {
      const value = text === '' ? true : isNumber(key) ? Number(text) : text;
      expect(await problemOfFile({ precision: mode, [field]: value })).toBe(sentence);
    }
  });
});

test('a setting without effect beside another is refused in one sentence', () => {
  const said =
    'lr-schedule constant does not use min-lr, but min-lr 0.0001 was given. Leave it out, or use another lr-schedule.';
  expect(optionProblem('--lr-schedule', 'constant', '--min-lr', '1e-4')).toBe(said);
  expect(linkProblems('?lr-schedule=constant&min-lr=1e-4')).toEqual([said]);
  // What a preset says is left alone, and a comparison can vary it.
  expect(linkProblems('?lr-schedule=constant')).toEqual([]);
  const epsilon =
    'optimizer lion does not use epsilon, but epsilon 1e-7 was given. Leave it out, or use another optimizer.';
  expect(optionProblem('--optimizer', 'lion', '--epsilon', '1e-7')).toBe(epsilon);
  expect(linkProblems('?optimizer=lion&epsilon=1e-7')).toEqual([epsilon]);
  expect(linkProblems('?modes=fp16,fp16+lr-schedule=wsd')).toEqual([]);
});

test('the page has no field of what has no effect, unless it was given, and then the sentence', () => {
  const fields = (settings: Partial<Settings>) =>
    drawn(createElement(SettingFields, { keys: settingsIn('block') }), settings).replaceAll('&#x27;', "'");
  expect(fields({})).not.toContain('data-testid="rope-base"');
  expect(fields({ position: 'rope' })).toContain('data-testid="rope-base"');
  const said =
    'position learned does not use rope-base, but rope-base 500000 was given. Leave it out, or use another position.';
  expect(fields({ position: 'learned', 'rope-base': 500_000 })).toContain(said);
  expect(linkProblems('?rope-base=500000')).toEqual([said]);
  expect(optionProblem('--rope-base', '500000')).toBe(said);
});
