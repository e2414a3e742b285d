/** The range of each number format on one line of powers of two. */
import { drawing, line, power, rect, text } from './svg.mjs';

/**
 * Bits of exponent and mantissa. Formats whose top exponent also holds numbers have their largest value here.
 * @type {{ name: string, words: string, exponent: number, mantissa: number, largest?: number }[]}
 */
export const FORMATS = [
  { name: 'f32', words: 'f32', exponent: 8, mantissa: 23 },
  { name: 'bf16', words: 'bf16', exponent: 8, mantissa: 7 },
  { name: 'f16', words: 'f16', exponent: 5, mantissa: 10 },
  { name: 'e5m2', words: 'FP8 E5M2', exponent: 5, mantissa: 2 },
  { name: 'e4m3fn', words: 'FP8 E4M3', exponent: 4, mantissa: 3, largest: 448 },
  { name: 'e2m1fn', words: 'FP4 E2M1', exponent: 2, mantissa: 1, largest: 6 },
];

/**
 * The smallest normal and subnormal and the largest number of a format.
 * @param {{ exponent: number, mantissa: number, largest?: number }} format
 */
export function rangeOf({ exponent, mantissa, largest }) {
  const bias = 2 ** (exponent - 1) - 1;
  return {
    normal: 2 ** (1 - bias),
    subnormal: 2 ** (1 - bias - mantissa),
    largest: largest ?? (2 - 2 ** -mantissa) * 2 ** bias,
  };
}

const [WIDTH, LEFT, RIGHT, TOP, ROW] = [760, 104, 740, 30, 46];
const [LOWEST, HIGHEST] = [-152, 132];

export function drawFormats() {
  const x = (value) => LEFT + ((RIGHT - LEFT) * (Math.log2(value) - LOWEST)) / (HIGHEST - LOWEST);
  const bottom = TOP + FORMATS.length * ROW;
  const ticks = [-144, -126, -96, -64, -24, 0, 16, 64, 128].flatMap((exponent) => [
    line('grid', x(2 ** exponent), TOP - 8, x(2 ** exponent), bottom),
    text('muted', x(2 ** exponent), bottom + 20, power(exponent), 'middle', 'font-size="13"'),
  ]);
  const rows = FORMATS.flatMap((format, i) => {
    const { normal, subnormal, largest } = rangeOf(format);
    const y = TOP + i * ROW;
    const colour = `fill-${format.name === 'f16' ? 1 : 0}`;
    return [
      text('text', LEFT - 12, y + 16, format.words, 'end', 'font-weight="600"'),
      rect(colour, x(normal), y, x(largest) - x(normal), 22, 'rx="3"'),
      rect(colour, x(subnormal), y, x(normal) - x(subnormal), 22, 'rx="3" opacity="0.4"'),
    ];
  });
  return drawing(WIDTH, bottom + 62, [
    ...ticks,
    ...rows,
    rect('fill-0', LEFT, bottom + 38, 26, 12, 'rx="3"'),
    text('text', LEFT + 34, bottom + 49, 'numbers with all digits'),
    rect('fill-0', LEFT + 220, bottom + 38, 26, 12, 'rx="3" opacity="0.4"'),
    text('text', LEFT + 254, bottom + 49, 'subnormals: fewer digits the smaller they are'),
  ]);
}
