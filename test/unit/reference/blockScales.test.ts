import { describe, expect, it } from 'vitest';
import { normalAt } from '../../../src/engine/core/rng.ts';
import { SCALE_RULES, type ScaleRule } from '../../../src/engine/precision/storage.ts';
import {
  type BlockFormat,
  blockExponent,
  hadamardElement,
  storedInBlocks,
  transformedRows,
} from '../../../src/engine/reference/blockScales.ts';

const mx = (format: BlockFormat['format'], rule: ScaleRule, rows = 1, columns = 32): BlockFormat => ({
  ...{ format, rows, columns },
  scale: { as: 'e8m0', rule },
});
const nvfp4 = (rows = 1, columns = 16): BlockFormat => ({
  ...{ format: 'e2m1fn', rows, columns },
  scale: { as: 'e4m3' },
});

describe('scale rules', () => {
  // Exponents by hand: E4M3 has 448 = 1.75 * 2^8, E2M1 6 = 1.5 * 2^2.
  it.each([
    ['e2m1fn', 4, [0, 0, 0, 0]],
    ['e2m1fn', 4.5, [0, 0, 1, 0]],
    ['e2m1fn', 6, [0, 0, 1, 0]],
    ['e2m1fn', 6.5, [0, 1, 1, 0]],
    ['e2m1fn', 7, [0, 1, 1, 1]],
    ['e2m1fn', 8, [1, 1, 1, 1]],
    ['e2m1fn', 3.1, [-1, 0, 0, -1]],
    ['e4m3fn', 256, [0, 0, 0, 0]],
    ['e4m3fn', 448, [0, 0, 1, 0]],
    ['e4m3fn', 450, [0, 1, 1, 0]],
    ['e4m3fn', 480, [0, 1, 1, 0]],
    ['e4m3fn', 496, [0, 1, 1, 1]],
    ['e4m3fn', 0.1, [-12, -12, -11, -12]],
  ] as const)(
    '%s, largest magnitude %d: exponents of floor, rceil, ceil and even %o',
    (format, amax, wanted) => {
      expect(SCALE_RULES.map((rule) => blockExponent(amax, format, rule))).toEqual(wanted);
    },
  );

  it('only floor and even saturate the top of a block', () => {
    for (let i = 0; i < 2000; i++) {
      const amax = Math.fround(2 ** (((i * 37) % 400) / 10 - 20));
      for (const [format, largest] of [
        ['e2m1fn', 6],
        ['e4m3fn', 448],
      ] as const) {
        const scaled = SCALE_RULES.map((rule) => amax / 2 ** blockExponent(amax, format, rule));
        expect(Math.max(scaled[1]!, scaled[2]!)).toBeLessThanOrEqual(largest);
        // RCEIL is the smallest scale that does not.
        expect(2 * scaled[1]!).toBeGreaterThan(largest);
        expect(scaled[0]).toBeLessThan(format === 'e2m1fn' ? 8 : 512);
      }
    }
  });
});

describe('a block', () => {
  const block = [3.1, ...Array<number>(15).fill(0.4)];

  it('of 3.1 and 15 times 0.4 reads 3 and 0.5 in MXFP4, and 3.1 and 0.517 in NVFP4', () => {
    for (const rule of SCALE_RULES) {
      const { values } = storedInBlocks(block, 16, mx('e2m1fn', rule));
      expect([values[0], values[1], values[15]]).toEqual([3, 0.5, 0.5]);
    }
    const { values } = storedInBlocks(block, 16, nvfp4());
    expect(values[0]).toBeCloseTo(3.1, 6);
    expect(values[1]).toBeCloseTo(0.51667, 4);
  });

  it('of zeros has codes 0, a tiny one beside a large one too, and infinity or NaN makes all of it NaN', () => {
    for (const format of [mx('e2m1fn', 'even', 1, 16), mx('e4m3fn', 'rceil', 1, 16), nvfp4()]) {
      const zeros = storedInBlocks([...Array<number>(16).fill(0), ...block], 32, format);
      expect([...zeros.values.slice(0, 16)]).toEqual(Array(16).fill(0));
      expect(zeros.values[16]).toBeCloseTo(3, 0);
      for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
        const { values } = storedInBlocks([...block, bad, ...block.slice(1)], 32, format);
        expect([...values.slice(16)].every(Number.isNaN)).toBe(true);
        // With two levels the scale of the tensor says nothing either.
        expect(Number.isNaN(values[0])).toBe(format.scale.as === 'e4m3');
      }
    }
    const tiny = storedInBlocks([...Array<number>(16).fill(1e-7), ...block], 32, nvfp4());
    expect([...tiny.values.slice(0, 16)]).toEqual(Array(16).fill(0));
    expect([...storedInBlocks(Array<number>(16).fill(0), 16, nvfp4()).values]).toEqual(Array(16).fill(0));
  });

  it('at the end of a row or a column may be shorter, and then has a scale of its own', () => {
    const values = Float64Array.from({ length: 5 * 40 }, (_, at) => normalAt(at, 5) * 4 ** ((at % 40) / 8));
    for (const [rows, columns] of [
      [1, 32],
      [4, 1],
      [4, 16],
    ] as const) {
      const whole = storedInBlocks(values, 40, mx('e2m1fn', 'rceil', rows, columns)).values;
      const last = Float64Array.from(
        { length: 5 * 8 },
        (_, at) => values[Math.floor(at / 8) * 40 + 32 + (at % 8)]!,
      );
      const alone = storedInBlocks(last, 8, mx('e2m1fn', 'rceil', rows, columns)).values;
      expect(
        alone.map((x, at) => x - whole[Math.floor(at / 8) * 40 + 32 + (at % 8)]!).every((d) => d === 0),
      ).toBe(true);
    }
  });
});

describe('both readings of a weight', () => {
  const size = 128;
  const weights = Float64Array.from({ length: size * size }, (_, at) => Math.fround(normalAt(at, 6) * 0.02));
  const turned = (values: Float64Array) =>
    values.map((_, at) => values[(at % size) * size + Math.floor(at / size)]!);
  const decibels = (values: Float64Array) => {
    const sum = (of: (x: number, i: number) => number) =>
      weights.reduce((total, x, i) => total + of(x, i), 0);
    return 10 * Math.log10(sum((x) => x * x) / sum((x, i) => (x - values[i]!) ** 2));
  };

  it('have the same codes with squares of 16, and mostly others with blocks along the sums', () => {
    const square = storedInBlocks(weights, size, nvfp4(16, 16)).values;
    expect(turned(storedInBlocks(turned(weights), size, nvfp4(16, 16)).values)).toEqual(square);
    const rows = storedInBlocks(weights, size, nvfp4(1, 16)).values;
    const columns = storedInBlocks(weights, size, nvfp4(16, 1)).values;
    const differ = rows.filter((x, i) => x !== columns[i]).length / rows.length;
    expect(differ).toBeGreaterThan(0.6);
    // A scale for 256 elements fits them less well than one for 16.
    expect(decibels(square)).toBeGreaterThan(18);
    expect(decibels(rows) - decibels(square)).toBeGreaterThan(0.5);
  });

  it('leave as much of Gaussian values as a program in Python measured', () => {
    // 512 x 512 Gaussian values: 30.6 and 31.5 dB in MXFP8, 18.8 and 18.7 dB in MXFP4, 20.4 dB in NVFP4.
    for (const [format, wanted] of [
      [mx('e4m3fn', 'floor'), 30.6],
      [mx('e4m3fn', 'rceil'), 31.5],
      [mx('e2m1fn', 'floor'), 18.8],
      [mx('e2m1fn', 'rceil'), 18.7],
      [nvfp4(), 20.4],
    ] as const) {
      expect(Math.abs(decibels(storedInBlocks(weights, size, format).values) - wanted)).toBeLessThan(0.3);
    }
  });
});

describe('the Hadamard transform', () => {
  const indices = Array.from({ length: 16 }, (_, i) => i);

  it('is orthogonal, exactly in f32', () => {
    for (const i of indices) {
      for (const j of indices) {
        const product = indices.reduce(
          (sum, k) => Math.fround(sum + Math.fround(hadamardElement(i, k) * hadamardElement(j, k))),
          0,
        );
        expect(product).toBe(i === j ? 1 : 0);
      }
    }
    // The signs of TransformerEngine, in the first column.
    expect(indices.map((i) => Math.sign(hadamardElement(i, 0))).join()).toBe(
      '1,1,1,-1,1,-1,-1,-1,-1,-1,-1,1,-1,1,-1,-1',
    );
  });

  it('leaves the product of two matrices that it was applied to, with rows that are no multiple of 16', () => {
    const [rows, m, n] = [21, 3, 2];
    const a = Float64Array.from({ length: rows * m }, (_, at) => normalAt(at, 7));
    const b = Float64Array.from({ length: rows * n }, (_, at) => normalAt(at, 8));
    const product = (x: Float64Array, y: Float64Array, i: number, j: number) => {
      let sum = 0;
      for (let row = 0; row < x.length / m; row++) sum += x[row * m + i]! * y[row * n + j]!;
      return sum;
    };
    const [mixedA, mixedB] = [transformedRows(a, m), transformedRows(b, n)];
    expect(mixedA.length).toBe(32 * m);
    for (let i = 0; i < m; i++) {
      for (let j = 0; j < n; j++)
        expect(Math.abs(product(mixedA, mixedB, i, j) - product(a, b, i, j))).toBeLessThan(1e-12);
    }
  });

  it('spreads an outlier, so that the others keep more of themselves', () => {
    const values = Float64Array.from({ length: 16 }, (_, i) => (i === 5 ? 100 : 0.3 + 0.02 * i));
    const back = (mixed: Float64Array) =>
      indices.map((i) => indices.reduce((sum, j) => sum + hadamardElement(i, j) * mixed[j]!, 0));
    const others = (stored: ArrayLike<number>) =>
      indices.reduce((sum, i) => (i === 5 ? sum : sum + (stored[i]! - values[i]!) ** 2), 0);
    const plain = storedInBlocks(values, 1, nvfp4(16, 1)).values;
    // The outlier itself is exact, and everything else is lost.
    expect(plain[5]).toBeCloseTo(100, 4);
    expect(others(plain)).toBeCloseTo(
      indices.reduce((sum, i) => (i === 5 ? sum : sum + values[i]! ** 2), 0),
      9,
    );
    const mixed = back(storedInBlocks(transformedRows(values, 1), 1, nvfp4(16, 1)).values);
    expect(Math.abs(mixed[5]! - 100)).toBeGreaterThan(1e-3);
  });
});
