/** Links to which networks and mail programs have added parameters. */
import { expect, test } from 'vitest';
import { withoutTracking } from '../../../src/store/tracking.ts';

test.each([
  ['', ''],
  ['?preset=smoke&modes=fp16+quantize-head,fp32', '?preset=smoke&modes=fp16+quantize-head,fp32'],
  ['?fbclid=IwAR', ''],
  ['?preset=smoke&fbclid=IwAR&utm_source=x&modes=a%2Bb', '?preset=smoke&modes=a%2Bb'],
  ['?utm_medium=mail&&steps=5', '?&steps=5'],
  ['?%66bclid=1&prest=2', '?prest=2'],
])('of %j the address bar keeps only %j', (query, kept) => expect(withoutTracking(query)).toBe(kept));
