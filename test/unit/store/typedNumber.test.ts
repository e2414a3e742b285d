/** Numbers as people type them, on keyboards of any language. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readNumbers } from '../../../src/store/sweep/numberList.ts';
import { readNumber, typedProblem } from '../../../src/store/typedNumber.ts';

describe('a field reads', () => {
  test.each([
    ['20', 20],
    [' 20 ', 20],
    ['1e3', 1000],
    ['2^16', 65536],
    ['0.', 0],
    ['.5', 0.5],
    ['0,001', 0.001],
    ['0,', 0],
    [',5', 0.5],
    ['1,5', 1.5],
    ['-0,25', -0.25],
    ['3,5e-4', 3.5e-4],
    ['1234,567', 1234.567],
    ['1,0000', 1],
    ['0,125', 0.125],
    ['٠٫٠٠١', 0.001],
    ['۱۲', 12],
    ['１０．５', 10.5],
    ['−3', -3],
  ])('%j as %d', (text, value) => {
    expect(readNumber(text)).toBe(value);
    expect(typedProblem(text)).toBeNull();
  });

  test.each([
    '',
    '12 34',
    'NaN',
    '16k',
    '1,000,000',
    '1.000,5',
    '1,000.5',
    ',',
    '2^1,5',
    '0x10',
    '1e999',
    '10²',
    'Infinity',
  ])('%j as not a number', (text) => {
    expect(readNumber(text)).toBeNull();
    expect(typedProblem(text)).toBe('This is not a number.');
  });

  test.each(['1,000', '12,345', '-999,999', ' 1,000 ', '１，０００'])('%j as ambiguous', (text) => {
    expect(readNumber(text)).toBeNull();
    expect(typedProblem(text)).toMatch(/^Write -?\d{4,6} or -?\d+\.\d{3}: ".*" may be either\.$/);
  });

  test('a comma as a point, or not at all', () => {
    const text = fc.stringMatching(/^[-+]?\d{0,5}[.,]?\d{0,5}(e[-+]?\d{1,2})?$/);
    let read = 0;
    fc.assert(
      fc.property(text, (typed) => {
        const value = readNumber(typed);
        if (value === null) return;
        read += 1;
        expect(value).toBe(Number(typed.replace(',', '.')));
      }),
      { numRuns: 10_000, seed: 20_261_129 },
    );
    expect(read).toBeGreaterThan(1000);
  });
});

describe('a list reads', () => {
  test.each<[string, readonly number[]]>([
    ['3e-4, 1e-3, 3e-3', [3e-4, 1e-3, 3e-3]],
    ['3e-4,1e-3,3e-3', [3e-4, 1e-3, 3e-3]],
    ['0.001,0.003 0.01', [0.001, 0.003, 0.01]],
    ['0,001', [0.001]],
    ['0,001, 0,003', [0.001, 0.003]],
    ['0,001; 0,003; 1', [0.001, 0.003, 1]],
    ['1; 0,05e-1', [1, 0.005]],
    ['1, 2,', [1, 2]],
    ['1 , 2', [1, 2]],
    ['1e-3,1', [1e-3, 1]],
    ['', []],
  ])('%j as %j', (text, values) => expect(readNumbers(text)).toEqual(values));

  test.each<[string, string, RegExp]>([
    ['1e-3, 0,5', '0,5', /^Write 0\.5 or "0; 5": it may be either\.$/],
    ['1,2', '1,2', /^Write 1\.2 or "1; 2"/],
    ['1,5e-3', '1,5e-3', /^Write 1\.5e-3 or "1; 5e-3"/],
    ['1,000', '1,000', /^Write 1000 or 1\.000/],
    ['0,001,0,003', '0,001,0,003', /^Put a space behind each comma/],
    ['1e-3 ,5', ',5', /^Put a space behind each comma/],
    ['1 000', '000', /not a number/],
    ['1e-3 many', 'many', /not a number/],
    ['1e-3,,2', '1e-3,,2', /^Put a space behind/],
  ])('%j not at all: %j', (text, word, why) => {
    expect(readNumbers(text)).toEqual({ word, why: expect.stringMatching(why) });
  });
});
