import { type Operand, recordOf, scaleOf } from '../tensor.ts';
import { type Dispatch, slotsOf, type Target, u32 } from './operation.ts';

/** Lanes of exponent_histogram.wgsl. */
const WIDTH = 256;
/** Enough to fill a GPU; each workgroup ends with one round of atomics on the row. */
const MAX_GROUPS = 512;
/** Vectors a lane should see before its workgroup pays for that round. */
const VECTORS_PER_LANE = 4;

/**
 * Adds the exponents of `inp` as stored to `histogram`, one row of {@link BINS} counts. Halves are read as words, so that
 * no conversion stands between bits and counts.
 */
export function exponentHistogram(
  target: Target,
  args: { inp: Operand; histogram: Operand; elements: number; label: string },
): Dispatch {
  const { inp, histogram, label } = args;
  const vectors = args.elements / 4;
  const scales = scaleOf(inp)?.tensor;
  const groups = Math.min(MAX_GROUPS, Math.max(1, Math.ceil(vectors / (WIDTH * VECTORS_PER_LANE))));
  return {
    kind: 'dispatch',
    variant: {
      kernel: 'exponent_histogram',
      slots: slotsOf({ ...target, half: 'packed' }, { inp }),
      conditions: { scaled: scales !== undefined },
      constants: {},
    },
    bindings: { inp, histogram, ...(scales && { scales }) },
    params: [u32(vectors), ...(scales ? [u32(recordOf(inp))] : [])],
    grid: [groups, 1, 1],
    label: `exponents of ${label}`,
  };
}

/** The same dispatch, also counting the f32 values it stores; it stores the same bits. */
export function withProbe(dispatch: Dispatch, histogram: Operand): Dispatch {
  const { variant, bindings } = dispatch;
  return {
    ...dispatch,
    variant: { ...variant, conditions: { ...variant.conditions, probe: true } },
    bindings: { ...bindings, histogram },
  };
}
