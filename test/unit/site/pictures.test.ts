import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { FORMATS, rangeOf } from '../../../scripts/draw/formats.mjs';
import { pictures } from '../../../scripts/draw-docs.mjs';
import { type FormatId, formatInfo, largestFinite } from '../../../src/engine/precision/formats.ts';

test.each(Object.entries(pictures()))('docs/pictures/%s is what scripts/draw-docs.mjs draws', (name, svg) => {
  const file = readFileSync(new URL(`../../../docs/pictures/${name}`, import.meta.url), 'utf8');
  expect(file).toBe(svg);
});

test.each(FORMATS)('$words is drawn as the engine has it', (format) => {
  const id = format.name as FormatId;
  const { exponentBits, mantissaBits } = formatInfo(id);
  expect([format.exponent, format.mantissa]).toEqual([exponentBits, mantissaBits]);
  expect(rangeOf(format).largest).toBe(largestFinite(id));
});
