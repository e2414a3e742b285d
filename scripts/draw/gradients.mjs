/** Where the activation gradients of a run lie, and what f16 holds of them without and with a loss scale. */
import { drawing, line, power, rect, text } from './svg.mjs';

const [WIDTH, LEFT, RIGHT] = [760, 20, 740];
const [LOWEST, HIGHEST] = [-44, 18];
const TALL = 130;
/** f16's smallest subnormal and normal, and the first power of two beyond its largest number. */
const F16 = { subnormal: -24, normal: -14, beyond: 16 };

/**
 * @param gradients counts of nonzero values by exponent, from `lowest`; the loss scale's exponent, and where they come from
 */
export function drawGradients({ lowest, counts, scale }) {
  const x = (exponent) => LEFT + ((RIGHT - LEFT) * (exponent - LOWEST)) / (HIGHEST - LOWEST);
  const most = Math.max(...counts);
  const total = counts.reduce((sum, count) => sum + count, 0);
  const below = (limit, shift) => {
    const lost = counts.reduce((sum, count, i) => sum + (lowest + i + shift < limit ? count : 0), 0);
    return `${((100 * lost) / total).toFixed(1)} %`;
  };
  const histogram = (top, shift, words) => {
    const base = top + TALL;
    const bars = counts.flatMap((count, i) => {
      const exponent = lowest + i + shift;
      if (count === 0 || exponent < LOWEST || exponent >= HIGHEST) return [];
      const height = Math.max(1, (TALL - 34) * (count / most));
      const lost = exponent < F16.subnormal;
      return [
        rect(
          lost ? 'bad' : 'fill-1',
          x(exponent) + 1,
          base - height,
          x(exponent + 1) - x(exponent) - 2,
          height,
        ),
      ];
    });
    const [zero, flushed] = [below(F16.subnormal, shift), below(F16.normal, shift)];
    return [
      rect('zone', x(LOWEST), top, x(F16.subnormal) - x(LOWEST), TALL),
      rect('zone', x(F16.beyond), top, x(HIGHEST) - x(F16.beyond), TALL),
      line('grid', x(F16.normal), top, x(F16.normal), base, 'stroke-dasharray="4 4"'),
      ...bars,
      line('line', x(LOWEST), base, x(HIGHEST), base),
      text('text', x(LOWEST) + 10, top + 22, words, 'start', 'font-weight="600"'),
      text('muted', x(LOWEST) + 10, top + 42, `${zero} become zero,`, 'start', 'font-size="13"'),
      text(
        'muted',
        x(LOWEST) + 10,
        top + 60,
        `${flushed} where subnormals do too`,
        'start',
        'font-size="13"',
      ),
    ];
  };
  const ticks = (y) =>
    [-40, -32, -24, -14, -8, 0, 8, 16].map((exponent) =>
      text('muted', x(exponent), y, power(exponent), 'middle', 'font-size="13"'),
    );
  const [first, second] = [30, 220];
  return drawing(WIDTH, second + TALL + 34, [
    text('bad', x(LOWEST) + 10, 18, 'too small for f16', 'start', 'font-size="13"'),
    text('muted', (x(F16.subnormal) + x(F16.normal)) / 2, 18, 'subnormals', 'middle', 'font-size="13"'),
    text('muted', (x(F16.normal) + x(F16.beyond)) / 2, 18, 'f16', 'middle', 'font-size="13"'),
    text('bad', x(HIGHEST), 18, 'too large', 'end', 'font-size="13"'),
    ...histogram(first, 0, 'As they are'),
    ...ticks(first + TALL + 20),
    ...histogram(second, scale, `Times ${power(scale)}`),
    ...ticks(second + TALL + 20),
  ]);
}
