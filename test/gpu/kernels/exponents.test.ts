import { expect, test } from 'vitest';
import { FORMATS, type FormatId } from '../../../src/engine/precision/formats.ts';
import { checkExponents } from './exponentsCase.ts';
import { targetOf } from './runKernel.ts';
import { withBench } from './withBench.ts';

test.each(Object.keys(FORMATS) as FormatId[])('exponents of %s are counted exactly', (format) =>
  withBench(async (bench) => {
    const { counted, differences } = await checkExponents(bench, targetOf(bench, 'native', false), format);
    expect(differences).toEqual([]);
    expect(counted).toBeGreaterThan(20_000);
  }),
);
