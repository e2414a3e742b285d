import { describe, expect, test } from 'vitest';
import { readAddress } from '../../../src/store/address.ts';
import { DEFAULT_SETTINGS } from '../../../src/store/settings.ts';

const read = (query: string) => readAddress(query, DEFAULT_SETTINGS);
const messages = (query: string) => read(query).problems.map(({ message }) => message);

describe('the address', () => {
  test('sets everything it names', () => {
    const address = read(
      '?preset=smoke&modes=fp32,fp16,fp16-noscale&schedule=lockstep&seeds=3&steps=20&seed=1&autostart=1&ui=still&f16=packed&lossScale=1073741824&growthInterval=50&text=copy&sample=0',
    );
    expect(address).toEqual({
      settings: {
        preset: 'smoke',
        modes: ['fp32', 'fp16', 'fp16-noscale'],
        schedule: 'lockstep',
        seeds: 3,
        steps: 20,
        seed: 1,
        f16: 'packed',
        'loss-scale': 2 ** 30,
        'growth-interval': 50,
        text: 'copy',
        sample: 0,
      },
      autostart: true,
      still: true,
      problems: [],
    });
  });

  test('takes one mode as precision', () => {
    expect(read('?precision=bf16').settings).toEqual({ modes: ['bf16'] });
  });

  test('takes variants of modes in any spelling, as people write them and as browsers encode them', () => {
    for (const query of [
      'fp16+quantize-head',
      'e5m2+rounding=rnd',
      'fp16+optim-state=fp8+optim-state=bf16',
    ]) {
      expect(messages(`?modes=fp32,${query}`), query).toHaveLength(1);
    }
    for (const query of ['fp16,fp16+optim-state=fp8', 'fp16%2Cfp16%2Boptim-state%3Dfp8']) {
      expect(read(`?modes=${query}`)).toMatchObject({
        settings: { modes: ['fp16', 'fp16+optim-state=fp8'] },
        problems: [],
      });
    }
    expect(messages('?modes=fp16,fp16+optim-state=f32')).toEqual([
      'fp16+optim-state=f32 is the same run as fp16.',
    ]);
    expect(messages('?modes=fp16,fp16+optim-state=fp8&optim-state=bf16')).toEqual([
      'optim-state was given for all runs and again in fp16+optim-state=fp8.',
    ]);
  });

  test('with an unknown mode among several is reported with the nearest mode', () => {
    expect(read('?modes=fp32,fp17')).toMatchObject({
      settings: {},
      problems: [{ message: 'There is no precision mode "fp17".', hint: 'Did you mean "fp16"?' }],
    });
    expect(messages('?modes=')).toEqual(['There is no precision mode "".']);
    expect(messages('?schedule=lockstop')).toEqual(['There is no schedule "lockstop".']);
  });

  test('that chooses modes twice is reported', () => {
    expect(messages('?precision=fp32&modes=fp16,bf16')).toEqual([expect.stringMatching(/both choose modes/)]);
  });

  test.each([
    'fbclid=IwAR0&utm_source=newsletter&UTM_Campaign=a%26b&gclid=x',
    'ref=producthunt&_ga=2.1&mc_eid=7&msclkid=',
  ])('of a forwarded link is read without %s', (tracking) => {
    for (const query of [`?preset=smoke&${tracking}`, `?${tracking}&preset=smoke&autostart=1`]) {
      expect(read(query)).toMatchObject({ settings: { preset: 'smoke' }, problems: [] });
    }
    expect(read(`?${tracking}&autostart=1`).autostart).toBe(true);
    expect(messages(`?refs=1&utmsource=2&${tracking}`)).toHaveLength(2);
  });

  test('accepts the names and tokenizers of the command line', () => {
    expect(read('?loss-scale=2^10&growth-interval=7&vocab=50304&tokenizer=bpe:2048').settings).toEqual({
      ...{ 'loss-scale': 1024, 'growth-interval': 7, vocab: 50304, tokenizer: 'bpe:2048' },
    });
    expect(read('?tokenizer=bpe:1').problems).toMatchObject([
      {
        message: 'tokenizer is "bpe:1".',
        hint: expect.stringContaining('from 256'),
      },
    ]);
    expect(messages('?tokenizer=gpt3')).toEqual(['There is no tokenizer "gpt3".']);
    expect(messages('?vocab=0')).toEqual(['vocab is 0.']);
  });

  test('may be empty', () => {
    expect(read('')).toEqual({ settings: {}, autostart: false, still: false, problems: [] });
  });

  test('with an unknown key is reported with the nearest key, and the other settings apply', () => {
    const { settings, problems } = read('?prest=smoke&steps=20');
    expect(settings).toEqual({ steps: 20 });
    expect(problems).toEqual([{ message: 'There is no setting "prest".', hint: 'Did you mean "preset"?' }]);
  });

  test('with an unknown value is reported with the nearest value, and does not start', () => {
    const address = read('?precision=fp17&autostart=1');
    expect(address.autostart).toBe(false);
    expect(address.settings).toEqual({});
    expect(address.problems[0]).toEqual({
      message: 'There is no precision mode "fp17".',
      hint: 'Did you mean "fp16"?',
    });
    expect(address.problems.at(-1)?.message).toBe('Training was not started.');
  });

  test.each([
    '?steps=many',
    '?steps=',
    '?steps=Infinity',
    '?steps=0x10',
    '?steps=1,000',
    '?lr=0,001',
    '?steps=1e999',
    '?lossScale=2^9999',
  ])('%s is not a number', (query) => expect(messages(query)[0]).toMatch(/is not a number\.$/));

  test.each([
    ['?steps=-5', /^steps is -5/],
    ['?seed=1.5', /^seed is 1\.5/],
    ['?lossScale=60000', /not a power of two/],
    ['?precision=fp32&lossScale=65536', /does not scale the loss/],
    ['?growthInterval=0', /^growth-interval is 0/],
    ['?modes=fp16,fp16', /with itself shows nothing/],
    ['?modes=fp32,tf32,fp16,bf16,fp16-pure', /^5 modes/],
    ['?seeds=9', /^seeds is 9/],
  ])('%s is refused in the words of the engine', (query, message) => {
    expect(messages(query)).toEqual([expect.stringMatching(message)]);
  });

  test.each([
    '?__proto__=1',
    '?constructor=x',
    '?text=own',
    '?preset=toString',
    '?a=<img src=x onerror=alert(1)>',
  ])('%s is refused safely', (query) => {
    const { settings, problems } = read(query);
    expect(settings).toEqual({});
    expect(problems).toHaveLength(1);
  });

  test('quotes only the beginning of refused text', () => {
    expect(messages(`?${'x'.repeat(5000)}=1`)[0]!.length).toBeLessThan(100);
    expect(messages(`?steps=${'y'.repeat(5000)}`)[0]!.length).toBeLessThan(100);
  });
});
