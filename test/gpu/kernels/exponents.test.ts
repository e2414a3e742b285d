import { expect, test } from 'vitest';
import { checkExponents } from './exponentsCase.ts';
import { targetOf } from './runKernel.ts';
import { WHOLE_FORMATS } from './wholeFormats.ts';
import { withKernelFixture } from './withKernelFixture.ts';

test.each(WHOLE_FORMATS)('exponents of %s are counted exactly', (format) =>
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
