import { expect, test } from 'vitest';
import { FORMATS, type FormatId } from '../../../src/engine/precision/formats.ts';
import { checkExponents } from './exponentsCase.ts';
import { targetOf } from './runKernel.ts';
import { withKernelFixture } from './withKernelFixture.ts';

test.each(Object.keys(FORMATS) as FormatId[])('exponents of %s are counted exactly', (format) =>
  withKernelFixture(async (fixture) => {
    const { counted, differences } = await checkExponents(
      fixture,
      targetOf(fixture, 'native', false),
      format,
    );
    expect(differences).toEqual([]);
    expect(counted).toBeGreaterThan(20_000);
  }),
);
