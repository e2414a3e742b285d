import { dispatch } from '../gpu/dispatch.ts';
import type { Dispatch, Target } from '../gpu/operation.ts';
import { formatOf, type Operand, type Tensor } from '../gpu/tensor.ts';
import { formatInfo } from '../precision/formats.ts';

/** Counts in a row: exact zeros, biased f32 exponents 1 to 254, infinities and NaN. Must match shaders/lib/exponents.wgsl. */
export const BINS = 256;
export const ZERO_BIN = 0;
export const NON_FINITE_BIN = 255;
/** Exponent e is counted in bin e + 127. */
export const EXPONENT_BIAS = 127;

/** Lanes of exponent_histogram.wgsl. */
const WIDTH = 256;
/** Enough workgroups to fill a GPU. Each ends with one round of atomics on the row. */
const MAX_GROUPS = 512;
/** Vectors that a lane should process, so that this round costs little in comparison. */
const VECTORS_PER_LANE = 4;

/**
 * Counts the exponents of the stored values of `inp` in `histogram`, a row of {@link BINS} u32. Halves are read as words, so
 * that no hardware conversion can change them.
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

/** The target on which halves are read as words. */
function asWords(target: Target): Target {
  return { ...target, half: 'packed' };
}

function groupsFor(elements: number): number {
  return Math.min(MAX_GROUPS, Math.max(1, Math.ceil(elements / 4 / (WIDTH * VECTORS_PER_LANE))));
}

/** The same dispatch, which also counts the exponents of the f32 values before it stores them. It stores the same bits. */
export function withProbe(counted: Dispatch, histogram: Operand): Dispatch {
  const { variant, bindings, writes } = counted;
  return {
    ...counted,
    variant: { ...variant, conditions: { ...variant.conditions, probe: true } },
    bindings: { ...bindings, histogram },
    writes: [...writes, 'histogram'],
  };
}

/** Workgroups of quantization_noise.wgsl. Each writes one part; an additional part holds the largest magnitude. */
export const NOISE_GROUPS = 31;
export const NOISE_PART_WORDS = 8;
export const NOISE_WORDS = (NOISE_GROUPS + 1) * NOISE_PART_WORDS;
/** Index of the largest magnitude in a part. */
const AMAX_WORD = 2;

interface NoiseArgs {
  /** The tensor before it was narrowed. */
  readonly inp: Operand;
  /** The same tensor in the narrow format. */
  readonly out: Operand;
  /** ({@link NOISE_WORDS}) u32, which must be zero before. */
  readonly parts: Operand;
  readonly elements: number;
  readonly label: string;
}

/** Measures the rounding error of `out` with respect to `inp`, in parts that the CPU adds up. */
export function quantizationNoise(target: Target, args: NoiseArgs): Dispatch[] {
  const { inp, parts, elements, label } = args;
  const magnitude = dispatch(asWords(target), 'tensor_amax', {
    operands: { inp },
    tensors: { amax: parts },
    writes: ['amax'],
    uniforms: { vectors: elements / 4, record: NOISE_GROUPS * NOISE_PART_WORDS + AMAX_WORD },
    conditions: { smoothed: false },
    grid: [groupsFor(elements), 1, 1],
    label: `amax of ${label}`,
    observes: true,
  });
  return [magnitude, noise(target, args)];
}

/** The same for an operand with a tensor scale, whose largest magnitude is already in the run's table. */
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

/** Words of a tally of {@link gateAlignment}, which uses the first three: bindings begin at multiples of 256 bytes. */
export const ALIGNMENT_WORDS = 64;
/** Of its sum of |cos|. */
export const ALIGNMENT_UNIT = 2 ** -14;

/**
 * Adds to `tally`, ({@link ALIGNMENT_WORDS}) u32, how far both branches of a gated MLP point the same way.
 * @param args `inp`: (rows, columns), the columns of the gate and then as many of what it multiplies
 */
export function gateAlignment(
  target: Target,
  args: { inp: Operand; tally: Operand; rows: number; columns: number; label: string },
): Dispatch {
  const { inp, tally, rows, columns, label } = args;
  const i4 = columns / 8;
  return dispatch(asWords(target), 'gate_alignment', {
    operands: { inp },
    tensors: { tally },
    writes: ['tally'],
    uniforms: { rows, i4 },
    grid: [Math.ceil(i4 / 64), 1, 1],
    label: `alignment of ${label}`,
    observes: true,
  });
}
