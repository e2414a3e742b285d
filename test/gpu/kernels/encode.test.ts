import { describe, expect, test } from 'vitest';
import { FORMATS, type FormatId } from '../../../src/engine/precision/formats.ts';
import { type CodeCheck, checkDecoder, checkEncoder, SIMULATED } from './encodeCase.ts';
import { targetOf } from './runKernel.ts';
import { withBench } from './withBench.ts';

function expectExact(title: string, { codes, wrong, flushed }: CodeCheck): void {
  console.log(`${title}: ${codes} codes, ${wrong.length} wrong, ${flushed} subnormals flushed`);
  expect(wrong).toEqual([]);
  expect(flushed, 'lavapipe keeps subnormals').toBe(0);
}

test.each(SIMULATED)('%s: encode and decode, bit by bit', (format) =>
  withBench(async (bench) => {
    const target = targetOf(bench, 'packed', false);
    expectExact(`encode ${format}`, await checkEncoder(bench, target, format));
    expectExact(`decode ${format}`, await checkDecoder(bench, target, format));
  }),
);

describe.each(['native', 'packed'] as const)('%s halves', (half) => {
  test.each(Object.keys(FORMATS) as FormatId[])('%s: encode and decode, bit by bit', (format) =>
    withBench(async (bench) => {
      const target = targetOf(bench, half, false);
      expectExact(`encode ${format} ${half}`, await checkEncoder(bench, target, format));
      expectExact(`decode ${format} ${half}`, await checkDecoder(bench, target, format));
    }),
  );
});
