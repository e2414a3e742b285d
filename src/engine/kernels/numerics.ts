import { dispatch } from '../gpu/dispatch.ts';
import type { Dispatch, Target } from '../gpu/operation.ts';
import { formatOf, type Operand, type Tensor } from '../gpu/tensor.ts';
import { formatInfo } from '../precision/formats.ts';

/** Counts of one row: exact zeros, biased f32 exponents 1 to 254, infinities and NaN. Fixed in shaders/lib/exponents.wgsl. */
export const BINS = 256;
export const ZERO_BIN = 0;
export const NON_FINITE_BIN = 255;
/** Bin of exponent e is e + 127. */
export const EXPONENT_BIAS = 127;

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
  const { inp, histogram, elements, label } = args;
  return dispatch(asWords(target), 'exponent_histogram', {
    operands: { inp },
    scaled: { record: 'inp' },
    tensors: { histogram },
    writes: ['histogram'],
    uniforms: { vectors: elements / 4 },
    grid: [groupsFor(elements), 1, 1],
    label: `exponents of ${label}`,
  });
}

/** Halves are read as words. */
function asWords(target: Target): Target {
  return { ...target, half: 'packed' };
}

function groupsFor(elements: number): number {
  return Math.min(MAX_GROUPS, Math.max(1, Math.ceil(elements / 4 / (WIDTH * VECTORS_PER_LANE))));
}

/** The same dispatch, also counting the f32 values it stores; it stores the same bits. */
export function withProbe(counted: Dispatch, histogram: Operand): Dispatch {
  const { variant, bindings, writes } = counted;
  return {
    ...counted,
    variant: { ...variant, conditions: { ...variant.conditions, probe: true } },
    bindings: { ...bindings, histogram },
    writes: [...writes, 'histogram'],
  };
}

/** Workgroups of quantization_noise.wgsl, each of which writes a part; one more part holds the largest magnitude. */
export const NOISE_GROUPS = 31;
export const NOISE_PART_WORDS = 8;
export const NOISE_WORDS = (NOISE_GROUPS + 1) * NOISE_PART_WORDS;
/** Where a part has its largest magnitude. */
const AMAX_WORD = 2;

interface NoiseArgs {
  /** Before it was narrowed. */
  readonly inp: Operand;
  readonly out: Operand;
  /** ({@link NOISE_WORDS}) u32, zero before. */
  readonly parts: Operand;
  readonly elements: number;
  readonly label: string;
}

/** The parts of the error with which `out` stands for `inp`. */
export function quantizationNoise(target: Target, args: NoiseArgs): Dispatch[] {
  const { inp, parts, elements, label } = args;
  const magnitude = dispatch(asWords(target), 'tensor_amax', {
    operands: { inp },
    tensors: { amax: parts },
    writes: ['amax'],
    uniforms: { vectors: elements / 4, record: NOISE_GROUPS * NOISE_PART_WORDS + AMAX_WORD },
    grid: [groupsFor(elements), 1, 1],
    label: `amax of ${label}`,
    observes: true,
  });
  return [magnitude, noise(target, args)];
}

/** The same for an operand with a scale, whose largest magnitude is among those of the run. */
export function scaledQuantizationNoise(
  target: Target,
  args: NoiseArgs & { readonly amax: Tensor },
): Dispatch {
  return noise(target, args, args.amax);
}

function noise(target: Target, { inp, out, parts, elements, label }: NoiseArgs, amax?: Tensor): Dispatch {
  return dispatch(asWords(target), 'quantization_noise', {
    operands: { inp, out },
    scaled: { record: 'out' },
    tensors: { parts, amax },
    writes: ['parts'],
    uniforms: { vectors: elements / 4, overflow: formatInfo(formatOf(out)).overflowBits },
    grid: [NOISE_GROUPS, 1, 1],
    label: `quantization noise of ${label}`,
    observes: true,
  });
}
