import { expect, test } from 'vitest';
import { familiesOf } from '../../../src/app/features/modes/modeFamilies.ts';
import { MODE_FAMILIES, PRECISION_MODES } from '../../../src/engine/index.ts';

test('every mode is listed once, in its family, and each family has one line', () => {
  const listed = familiesOf(PRECISION_MODES);
  expect(listed.flatMap(({ modes }) => modes).sort()).toEqual([...PRECISION_MODES].sort());
  expect(listed.map(({ title }) => title)).toEqual(MODE_FAMILIES.map(({ title }) => title));
  for (const { summary } of listed) expect(summary).toMatch(/^[^\n]{1,90}\.$/);
});

test('families without a mode are left out, and variants come last', () => {
  const listed = familiesOf(['fp16+optim-state=fp8', 'e5m2', 'fp32']);
  expect(listed.map(({ title, modes }) => [title, modes])).toEqual([
    ['32-bit floats', ['fp32']],
    ['Chosen above', ['fp16+optim-state=fp8', 'e5m2']],
  ]);
});
