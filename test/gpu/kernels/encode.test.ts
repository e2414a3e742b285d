import { describe, expect, test } from 'vitest';
import { type CodeCheck, checkDecoder, checkEncoder, SIMULATED } from './encodeCase.ts';
import { targetOf } from './runKernel.ts';
import { WHOLE_FORMATS } from './wholeFormats.ts';
import { withKernelFixture } from './withKernelFixture.ts';

function expectExact(title: string, { codes, wrong, flushed }: CodeCheck): void {
  console.log(`${title}: ${codes} codes, ${wrong.length} wrong, ${flushed} subnormals flushed`);
  expect(wrong).toEqual([]);
  expect(flushed, 'lavapipe keeps subnormals').toBe(0);
}

test.each(SIMULATED)('%s: encode and decode, bit by bit', (format) =>
  withKernelFixture(async (fixture) => {
    const target = targetOf(fixture, 'packed', false);
    expectExact(`encode ${format}`, await checkEncoder(fixture, target, format));
    expectExact(`decode ${format}`, await checkDecoder(fixture, target, format));
  }),
);

describe.each(['native', 'packed'] as const)('%s halves', (half) => {
  test.each(WHOLE_FORMATS)('%s: encode and decode, bit by bit', (format) =>
    withKernelFixture(async (fixture) => {
      const target = targetOf(fixture, half, false);
      expectExact(`encode ${format} ${half}`, await checkEncoder(fixture, target, format));
      expectExact(`decode ${format} ${half}`, await checkDecoder(fixture, target, format));
    }),
  );
});
