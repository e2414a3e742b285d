import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { runColor, runDash } from '../../../src/app/charts/series.ts';

const TOKENS = readFileSync(new URL('../../../src/app/styles/tokens.css', import.meta.url), 'utf8');
const RUNS = 6;

/** [light, dark] */
function token(name: string): readonly [string, string] {
  const found = new RegExp(`${name}: light-dark\\((#\\w{6}), (#\\w{6})\\)`).exec(TOKENS);
  if (!found) throw new Error(`${name} is not in tokens.css`);
  return [found[1]!, found[2]!];
}

/** Relative luminance and contrast ratio of WCAG 2.2. */
function luminance(color: string): number {
  const channel = (at: number) => {
    const value = Number.parseInt(color.slice(at, at + 2), 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  };
  return 0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5);
}

function contrast(a: string, b: string): number {
  const [dark, light] = [luminance(a), luminance(b)].sort((x, y) => x - y);
  return (light! + 0.05) / (dark! + 0.05);
}

test('six runs differ by colour and by dash', () => {
  const runs = Array.from({ length: RUNS }, (_, i) => i);
  expect(new Set(runs.map(runColor)).size).toBe(RUNS);
  expect(new Set(runs.map(runDash)).size).toBe(RUNS);
});

test.each(Array.from({ length: RUNS }, (_, i) => i))(
  'the colour of run %i has enough contrast in both themes',
  (run) => {
    const name = /--series-\d/.exec(runColor(run))![0];
    const [color, surface] = [token(name), token('--surface')];
    for (const theme of [0, 1] as const) {
      expect(contrast(color[theme], surface[theme])).toBeGreaterThanOrEqual(3);
    }
  },
);
