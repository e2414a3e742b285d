import { describe, expect, it } from 'vitest';
import { randomBits } from '../../../src/engine/core/rng.ts';
import {
  FORMATS,
  type FormatId,
  largestFinite,
  normalExponent,
} from '../../../src/engine/precision/formats.ts';
import { largestBits } from '../../../src/engine/precision/quantization.ts';
import {
  decodeBits,
  encodeBf16Stochastic,
  encodeBits,
  encodeE2m1Stochastic,
  f32Bits,
  fromF32Bits,
  joinBits,
  roundTo,
  splitBits,
} from '../../../src/engine/reference/rounding.ts';

/**
 * f32 bits, f16, bf16, e4m3fn and e5m2 (saturating), tf32 (null: as the f32 bits). Made by a program in Python that agreed with
 * numpy's float16 on 590,469 numbers, and for 8 bits with a search for the nearest code on 60,000 each.
 */
const GOLDEN: readonly (readonly [string, number, number, number, number, number, number | null])[] = [
  ['1.0', 0x3f800000, 0x3c00, 0x3f80, 0x38, 0x3c, 0x3f800000],
  ['-2.0', 0xc0000000, 0xc000, 0xc000, 0xc0, 0xc0, 0xc0000000],
  ['0.1', 0x3dcccccd, 0x2e66, 0x3dcd, 0x1d, 0x2e, 0x3dccc000],
  ['1/3', 0x3eaaaaab, 0x3555, 0x3eab, 0x2b, 0x35, 0x3eaaa000],
  ['0.3', 0x3e99999a, 0x34cd, 0x3e9a, 0x2a, 0x35, 0x3e99a000],
  ['2^-24', 0x33800000, 0x0001, 0x3380, 0x00, 0x00, null],
  ['2^-25 (tie)', 0x33000000, 0x0000, 0x3300, 0x00, 0x00, null],
  ['1.5*2^-25', 0x33400000, 0x0001, 0x3340, 0x00, 0x00, null],
  ['2^-14', 0x38800000, 0x0400, 0x3880, 0x00, 0x04, null],
  ['6.1e-5', 0x387fda40, 0x03ff, 0x3880, 0x00, 0x04, 0x387fe000],
  ['65504', 0x477fe000, 0x7bff, 0x4780, 0x7e, 0x7b, null],
  ['65519.996', 0x477fefff, 0x7bff, 0x4780, 0x7e, 0x7b, 0x477fe000],
  ['65520', 0x477ff000, 0x7c00, 0x4780, 0x7e, 0x7b, 0x47800000],
  ['448', 0x43e00000, 0x5f00, 0x43e0, 0x7e, 0x5f, null],
  ['464', 0x43e80000, 0x5f40, 0x43e8, 0x7e, 0x5f, null],
  ['464.1', 0x43e80ccd, 0x5f40, 0x43e8, 0x7e, 0x5f, 0x43e80000],
  ['480', 0x43f00000, 0x5f80, 0x43f0, 0x7e, 0x60, null],
  ['57344', 0x47600000, 0x7b00, 0x4760, 0x7e, 0x7b, null],
  ['61439.99', 0x476ffffd, 0x7b80, 0x4770, 0x7e, 0x7b, 0x47700000],
  ['61440', 0x47700000, 0x7b80, 0x4770, 0x7e, 0x7b, null],
  ['2^-9', 0x3b000000, 0x1800, 0x3b00, 0x01, 0x18, null],
  ['2^-10', 0x3a800000, 0x1400, 0x3a80, 0x00, 0x14, null],
  ['1.5*2^-10', 0x3ac00000, 0x1600, 0x3ac0, 0x01, 0x16, null],
  ['2^-6', 0x3c800000, 0x2400, 0x3c80, 0x08, 0x24, null],
  ['2^-16', 0x37800000, 0x0100, 0x3780, 0x00, 0x01, null],
  ['2^-17', 0x37000000, 0x0080, 0x3700, 0x00, 0x00, null],
  ['240.5', 0x43708000, 0x5b84, 0x4370, 0x77, 0x5c, null],
  ['1+2^-8 (bf16 tie)', 0x3f808000, 0x3c04, 0x3f80, 0x38, 0x3c, null],
  ['1+3*2^-8 (bf16 tie)', 0x3f818000, 0x3c0c, 0x3f82, 0x38, 0x3c, null],
  ['1+2^-11 (f16 and tf32 tie)', 0x3f801000, 0x3c00, 0x3f80, 0x38, 0x3c, 0x3f800000],
  ['1+3*2^-11 (tie)', 0x3f803000, 0x3c02, 0x3f80, 0x38, 0x3c, 0x3f804000],
  ['FLT_MAX', 0x7f7fffff, 0x7c00, 0x7f80, 0x7e, 0x7b, 0x7f800000],
  ['+inf', 0x7f800000, 0x7c00, 0x7f80, 0x7e, 0x7b, 0x7f800000],
  ['sNaN', 0x7f800001, 0x7e00, 0x7fc0, 0x7f, 0x7e, 0x7f800001],
  ['-NaN', 0xffc00001, 0xfe00, 0xffc0, 0xff, 0xfe, 0xffc00001],
  ['negative f32 subnormal', 0x807fffff, 0x8000, 0x8080, 0x80, 0x80, 0x80800000],
];

const hex = (code: number) => (code >>> 0).toString(16);

describe('golden vectors', () => {
  it.each(GOLDEN)('%s', (_name, bits, f16, bf16, e4m3fn, e5m2, tf32) => {
    expect(hex(encodeBits('f16', bits))).toBe(hex(f16));
    expect(hex(encodeBits('bf16', bits))).toBe(hex(bf16));
    expect(hex(encodeBits('e4m3fn', bits))).toBe(hex(e4m3fn));
    expect(hex(encodeBits('e5m2', bits))).toBe(hex(e5m2));
    expect(hex(encodeBits('tf32', bits))).toBe(hex(tf32 ?? bits));
    expect(hex(encodeBits('f32', bits))).toBe(hex(bits));
    // Flushing keeps the sign and everything that is not subnormal.
    expect(hex(encodeBits('f16-flush', bits))).toBe(hex((f16 & 0x7c00) === 0 ? f16 & 0x8000 : f16));
  });
});

describe('16-bit codes, all 65,536', () => {
  const isNaNCode = (format: FormatId, code: number) => Number.isNaN(decodeBits(format, code));

  it.each(['f16', 'bf16'] as const)('%s: decode then encode is the identity, and NaN stays NaN', (format) => {
    for (let code = 0; code < 65536; code++) {
      const value = decodeBits(format, code);
      const back = encodeBits(format, f32Bits(value));
      if (Number.isNaN(value)) expect(isNaNCode(format, back)).toBe(true);
      else if (back !== code) expect(hex(back)).toBe(hex(code));
    }
  });

  it('f16 values are those of the format', () => {
    expect(decodeBits('f16', 0x0001)).toBe(2 ** -24);
    expect(decodeBits('f16', 0x03ff)).toBe(1023 * 2 ** -24);
    expect(decodeBits('f16', 0x7bff)).toBe(65504);
    expect(decodeBits('f16', 0xfc00)).toBe(Number.NEGATIVE_INFINITY);
    expect(Object.is(decodeBits('f16', 0x8000), -0)).toBe(true);
    let nans = 0;
    for (let code = 0; code < 65536; code++) if (isNaNCode('f16', code)) nans++;
    expect(nans).toBe(2 * 1023);
  });

  it('f16-flush: stores a subnormal as zero of its sign, and nothing else differs from f16', () => {
    for (let code = 0; code < 65536; code++) {
      if (isNaNCode('f16', code)) continue;
      const stored = roundTo('f16-flush', decodeBits('f16', code));
      const magnitude = Math.abs(decodeBits('f16', code));
      const sign = code & 0x8000 ? -1 : 1;
      const wanted = magnitude < 2 ** -14 ? sign * 0 : sign * magnitude;
      if (!Object.is(stored, wanted)) expect(stored, hex(code)).toBe(wanted);
    }
    // Just under 2^-14 rounds up to it first, and only then is it looked at.
    expect(roundTo('f16-flush', 2 ** -14 * (1 - 2 ** -13))).toBe(2 ** -14);
  });

  it.each([
    ['f16', 0x7bff],
    ['bf16', 0x7f7f],
    ['e4m3fn', 0x7e],
    ['e5m2', 0x7b],
    ['i8', 0x7f],
  ] as const)(
    '%s: midpoints go to the even neighbour, one f32 step beside them to the nearer',
    (format, largest) => {
      const sign = 2 ** (8 * FORMATS[format].bytes - 1);
      let wrong = 0;
      for (let code = 0; code < largest; code++) {
        const low = decodeBits(format, code);
        const high = decodeBits(format, code + 1);
        const middle = f32Bits((low + high) / 2);
        for (const [bits, wanted] of [
          [middle - 1, code],
          [middle, code + (code & 1)],
          [middle + 1, code + 1],
        ] as const) {
          if (encodeBits(format, bits) !== wanted) wrong++;
          const opposite = format === 'i8' ? -wanted & 0xff : wanted | sign;
          if (encodeBits(format, (bits | 0x80000000) >>> 0) !== opposite) wrong++;
        }
      }
      expect(wrong).toBe(0);
    },
  );
});

describe('8-bit codes, all 256', () => {
  it.each(['e4m3fn', 'e5m2'] as const)('%s: decode then encode is the identity', (format) => {
    const infinity = format === 'e5m2' ? 0x7c : Number.NaN;
    for (let code = 0; code < 256; code++) {
      const magnitude = code & 0x7f;
      const value = decodeBits(format, code);
      const back = encodeBits(format, f32Bits(value));
      if (magnitude === infinity) {
        expect(Math.abs(value)).toBe(Number.POSITIVE_INFINITY);
        expect(back).toBe((code & 0x80) | 0x7b);
      } else if (magnitude > (format === 'e5m2' ? 0x7c : 0x7e)) expect(value).toBeNaN();
      else if (back !== code) expect(hex(back)).toBe(hex(code));
    }
  });

  it('values are those of the formats', () => {
    expect([0x01, 0x07, 0x08, 0x38, 0x7e].map((code) => decodeBits('e4m3fn', code))).toEqual([
      2 ** -9,
      7 * 2 ** -9,
      2 ** -6,
      1,
      448,
    ]);
    expect([0x01, 0x03, 0x04, 0x3c, 0x7b].map((code) => decodeBits('e5m2', code))).toEqual([
      2 ** -16,
      3 * 2 ** -16,
      2 ** -14,
      1,
      57344,
    ]);
    // Subnormal edges, and rounding once where f32 to f16 to 8 bits rounds twice.
    expect(roundTo('e4m3fn', (0x94 / 256) * 2 ** -6)).toBe((0xa / 16) * 2 ** -6);
    expect(roundTo('e5m2', (0xa8 / 256) * 2 ** -14)).toBe((0xc / 16) * 2 ** -14);
    expect(roundTo('e4m3fn', 1 + 2 ** -4 + 2 ** -20)).toBe(1.125);
    expect(roundTo('e4m3fn', decodeBits('e5m2', 0x1f))).toBe(decodeBits('e4m3fn', 0x04));
  });
});

describe('4-bit codes, all 16', () => {
  it('have the values of OCP, and decode then encode is the identity', () => {
    const values = Array.from({ length: 16 }, (_, code) => decodeBits('e2m1fn', code));
    expect(values).toEqual([0, 0.5, 1, 1.5, 2, 3, 4, 6, -0, -0.5, -1, -1.5, -2, -3, -4, -6]);
    for (const [code, value] of values.entries()) expect(encodeBits('e2m1fn', f32Bits(value))).toBe(code);
  });

  it.each([
    [0.25, 0],
    [0.75, 1],
    [1.25, 1],
    [1.75, 2],
    [2.5, 2],
    [3.5, 4],
    [5, 4],
  ])('%d is a tie and goes to %d, a little beside it to the nearer', (tie, even) => {
    expect(roundTo('e2m1fn', tie)).toBe(even);
    expect(roundTo('e2m1fn', -tie)).toBe(-even);
    const [below, above] = [fromF32Bits(f32Bits(tie) - 1), fromF32Bits(f32Bits(tie) + 1)];
    expect(Math.sign(roundTo('e2m1fn', above) - tie)).toBe(1);
    expect(Math.sign(roundTo('e2m1fn', below) - tie)).toBe(-1);
  });

  it('stochastic rounding is unbiased in every interval, stays between its neighbours, and keeps what is a value', () => {
    const draws = 2 ** 16;
    for (const [low, high] of [
      [0, 0.5],
      [0.5, 1],
      [1, 1.5],
      [1.5, 2],
      [2, 3],
      [3, 4],
      [4, 6],
    ] as const) {
      expect(decodeBits('e2m1fn', encodeE2m1Stochastic(f32Bits(low), 0xffffffff))).toBe(low);
      for (const share of [2 ** -9, 0.3, 0.5, 0.9]) {
        const x = Math.fround(low + share * (high - low));
        let [up, down] = [0, 0];
        for (let i = 0; i < draws; i++) {
          const rounded = decodeBits('e2m1fn', encodeE2m1Stochastic(f32Bits(-x), randomBits(i, 77)));
          if (rounded === -high) up++;
          if (rounded === -low) down++;
        }
        expect(up + down).toBe(draws);
        // Five standard deviations of a binomial share.
        const wanted = (x - low) / (high - low);
        expect(Math.abs(up / draws - wanted), `${x}`).toBeLessThan(
          5 * Math.sqrt((wanted * (1 - wanted)) / draws) + 2 ** -20,
        );
      }
    }
    for (const x of [6, 7, Number.POSITIVE_INFINITY])
      expect(encodeE2m1Stochastic(f32Bits(x), 0xffffffff)).toBe(7);
  });
});

it('8-bit integers are symmetric: no code is -128, and infinity and NaN have none', () => {
  for (let x = -127; x <= 127; x++) expect(encodeBits('i8', f32Bits(x))).toBe(x & 0xff);
  for (let x = -127; x <= 127; x++) expect(decodeBits('i8', x & 0xff)).toBe(x);
  const { POSITIVE_INFINITY, NEGATIVE_INFINITY, NaN: nan } = Number;
  const given = [
    0.5,
    -0.5,
    1.5,
    -2.5,
    126.5,
    127.5,
    1e9,
    -1e9,
    POSITIVE_INFINITY,
    NEGATIVE_INFINITY,
    nan,
    -0,
  ];
  expect(given.map((x) => roundTo('i8', x))).toEqual([0, 0, 2, -2, 126, 127, 127, -127, 127, -127, 0, 0]);
  expect(fromF32Bits(FORMATS.i8.overflowBits)).toBe(127.5);
  expect([largestFinite('i8'), fromF32Bits(largestBits('i8'))]).toEqual([127, 127]);
});

describe('every format', () => {
  const all = Object.values(FORMATS);
  const floats = all.filter(({ integer }) => !integer);

  it.each(all)(
    '$id: rounding is to the nearest multiple of its step, once is enough, and sign does not matter',
    (format) => {
      for (let i = 0; i < 20_000; i++) {
        const x = fromF32Bits(randomBits(i, 7));
        const rounded = roundTo(format.id, x);
        if (Number.isNaN(x)) {
          if (format.bytes < 1) expect(Math.abs(rounded)).toBe(6);
          else if (!format.integer) expect(rounded).toBeNaN();
          continue;
        }
        const again = roundTo(format.id, rounded);
        if (!Object.is(again, rounded)) expect(again).toBe(rounded);
        const negative = roundTo(format.id, -x);
        if (!Object.is(negative, -rounded)) expect(negative + 0).toBe(0 - rounded);
        const smallestNormal = 2 ** normalExponent(format);
        const inRange = (f32Bits(x) & 0x7fffffff) < format.overflowBits;
        if (inRange && Math.abs(x) >= smallestNormal) {
          const halfStep = 2 ** (Math.floor(Math.log2(Math.abs(x))) - format.mantissaBits - 1);
          expect(Math.abs(rounded - x)).toBeLessThanOrEqual(halfStep);
        }
      }
    },
  );

  it.each(all.filter(({ saturates }) => !saturates))(
    '$id: overflowBits is where infinity begins',
    ({ id, overflowBits }) => {
      expect(Number.isFinite(decodeBits(id, encodeBits(id, overflowBits - 1)))).toBe(true);
      expect(decodeBits(id, encodeBits(id, overflowBits))).toBe(Number.POSITIVE_INFINITY);
    },
  );

  it.each([
    ['e4m3fn', 448, 464],
    ['e5m2', 57344, 61440],
    ['e2m1fn', 6, 7],
  ] as const)('%s saturates at %d, and the next step would begin to round at %d', (id, largest, tie) => {
    for (const x of [largest, tie, tie * 2, 3.4e38, Number.POSITIVE_INFINITY]) {
      expect(roundTo(id, x)).toBe(largest);
      expect(roundTo(id, -x)).toBe(-largest);
    }
    // A tie goes to the even code: down in e4m3fn, where the next code is NaN, and up in the others, whose next code would be even.
    expect(fromF32Bits(FORMATS[id].overflowBits)).toBe(id === 'e4m3fn' ? tie + 2 ** -15 : tie);
  });

  it('rounds an f64 to f32 first, as a kernel has no more than its f32 accumulator', () => {
    const x = 1 + 2 ** -11 + 2 ** -40; // above the tie in f64, on it in f32
    expect(roundTo('f16', x)).toBe(1);
    expect(roundTo('f32', x)).toBe(1 + 2 ** -11);
  });

  it('zero keeps its sign', () => {
    for (const { id } of floats) {
      expect(Object.is(roundTo(id, 0), 0)).toBe(true);
      expect(Object.is(roundTo(id, -0), -0)).toBe(true);
    }
  });
});

describe('stochastic rounding to bf16', () => {
  it.each([
    ['1', 0x3f800000, 0],
    ['1 + 3/8 of a step', 0x3f806000, 3 / 8],
    ['-(1 + 1/2 of a step)', 0xbf808000, 1 / 2],
    ['a subnormal target and 7/8 of a step', 0x0000e000, 7 / 8],
  ])('%s: as many of all 65536 draws go up as its dropped digits say', (_, bits, share) => {
    let up = 0;
    for (let random = 0; random < 65536; random++) up += encodeBf16Stochastic(bits, random) - (bits >>> 16);
    expect(up / 65536).toBe(share);
  });

  it('stays finite, keeps infinities, and quiets NaN', () => {
    for (const random of [0, 0xffff]) {
      expect(encodeBf16Stochastic(0x7f7fffff, random)).toBe(0x7f7f);
      expect(encodeBf16Stochastic(0xff7fffff, random)).toBe(0xff7f);
      expect(encodeBf16Stochastic(0x7f800000, random)).toBe(0x7f80);
      expect(encodeBf16Stochastic(0xff800001, random)).toBe(0xffc0);
    }
  });
});

describe('two halves of an f32', () => {
  it('make it again, bit by bit, and the upper one is the nearest bf16', () => {
    const special = [
      0, 0x80000000, 1, 0x7f7fffff, 0xff7fffff, 0x3f808000, 0x3f818000, 0x7f800000, 0xff800000,
    ];
    for (const bits of [...special, ...Array.from({ length: 20_000 }, (_, i) => randomBits(i, 17))]) {
      const { high, low } = splitBits(bits);
      if (Number.isNaN(fromF32Bits(bits))) {
        expect(decodeBits('bf16', high)).toBeNaN();
        continue;
      }
      expect(joinBits({ high, low })).toBe(bits);
      const tie = (bits & 0xffff) === 0x8000;
      if (!tie) expect(high).toBe(encodeBits('bf16', bits));
    }
    expect(splitBits(0x7fffffff).high).toBe(0x7fff); // adding the half step would have made -0 of this NaN
  });
});
