/**
 * Number formats: how a value is rounded and what four of them occupy in memory.
 * The matching WGSL is `shaders/formats/<prelude>.wgsl`.
 */
import {
  isSimulatedFormat,
  type Rounding,
  type SimulatedFormat,
  type SimulatedMode,
  simulatedBits,
} from './simulated.ts';

/** The formats in the table. */
export type NamedFormat =
  | 'f32'
  | 'tf32'
  | 'f16'
  | 'f16-flush'
  | SaturatingHalf
  | 'bf16'
  | 'e4m3fn'
  | 'e5m2'
  | 'e2m1fn'
  | 'i8';
/** Half precision that stores the largest value instead of infinity, as a clamp before the conversion does. */
export type SaturatingHalf = 'f16-clamp' | 'f16-flush-clamp';
/** A format in the table, or one that is computed from its name. */
export type FormatId = NamedFormat | SimulatedFormat;

/** How half-precision values are stored: as `vec4h` (needs shader-f16), or as two halves in each word of a `vec2u`. */
export type HalfStorage = 'native' | 'packed';

export interface NumberFormat {
  readonly id: FormatId;
  /** Bytes per element. With half a byte, two elements share a byte, the first in the lower bits. */
  readonly bytes: 0.5 | 1 | 2 | 4;
  readonly exponentBits: number;
  readonly mantissaBits: number;
  /** f32 bit pattern of the smallest magnitude that rounds beyond the largest finite value. */
  readonly overflowBits: number;
  /** Whether values below the smallest normal number become zero instead of subnormal. */
  readonly flushSubnormals: boolean;
  /**
   * Whether values beyond the largest finite value, infinity included, are stored as that value. A store then reports an
   * overflow only for infinity and NaN.
   */
  readonly saturates: boolean;
  /** Whether values are rounded toward zero. They are rounded to nearest, ties to even, if absent. */
  readonly truncates?: boolean;
  /** Whether values are integers, so that all steps are 1. They then have no exponent bits. */
  readonly integer?: boolean;
}

export const FORMATS: Readonly<Record<NamedFormat, NumberFormat>> = {
  f32: {
    id: 'f32',
    bytes: 4,
    exponentBits: 8,
    mantissaBits: 23,
    overflowBits: 0x7f800000,
    flushSubnormals: false,
    saturates: false,
  },
  tf32: {
    id: 'tf32',
    bytes: 4,
    exponentBits: 8,
    mantissaBits: 10,
    overflowBits: 0x7f7ff000,
    flushSubnormals: false,
    saturates: false,
  },
  f16: {
    id: 'f16',
    bytes: 2,
    exponentBits: 5,
    mantissaBits: 10,
    overflowBits: 0x477ff000,
    flushSubnormals: false,
    saturates: false,
  },
  'f16-flush': {
    id: 'f16-flush',
    bytes: 2,
    exponentBits: 5,
    mantissaBits: 10,
    overflowBits: 0x477ff000,
    flushSubnormals: true,
    saturates: false,
  },
  'f16-clamp': {
    id: 'f16-clamp',
    bytes: 2,
    exponentBits: 5,
    mantissaBits: 10,
    overflowBits: 0x477ff000,
    flushSubnormals: false,
    saturates: true,
  },
  'f16-flush-clamp': {
    id: 'f16-flush-clamp',
    bytes: 2,
    exponentBits: 5,
    mantissaBits: 10,
    overflowBits: 0x477ff000,
    flushSubnormals: true,
    saturates: true,
  },
  bf16: {
    id: 'bf16',
    bytes: 2,
    exponentBits: 8,
    mantissaBits: 7,
    overflowBits: 0x7f7f8000,
    flushSubnormals: false,
    saturates: false,
  },
  e4m3fn: {
    id: 'e4m3fn',
    bytes: 1,
    exponentBits: 4,
    mantissaBits: 3,
    overflowBits: 0x43e80001,
    flushSubnormals: false,
    saturates: true,
  },
  e5m2: {
    id: 'e5m2',
    bytes: 1,
    exponentBits: 5,
    mantissaBits: 2,
    overflowBits: 0x47700000,
    flushSubnormals: false,
    saturates: true,
  },
  e2m1fn: {
    id: 'e2m1fn',
    bytes: 0.5,
    exponentBits: 2,
    mantissaBits: 1,
    overflowBits: 0x40e00000,
    flushSubnormals: false,
    saturates: true,
  },
  i8: {
    id: 'i8',
    bytes: 1,
    exponentBits: 0,
    mantissaBits: 6,
    overflowBits: 0x42ff0000,
    flushSubnormals: false,
    saturates: true,
    integer: true,
  },
};

/**
 * Computes the description of a simulated format. With 8 exponent bits it has the range of f32. With fewer, the exponent bias
 * is that of IEEE 754, the highest exponent is reserved for infinity, subnormals are kept, and operands are clipped to the
 * largest value, as in the paper.
 */
function simulatedFormat(id: SimulatedFormat): NumberFormat {
  const [mode, rounding] = id.split('-') as [SimulatedMode, Rounding];
  const { exponentBits, mantissaBits } = simulatedBits(mode)!;
  const bias = 2 ** (exponentBits - 1) - 1;
  const halfStep = 2 ** (22 - mantissaBits);
  const truncates = rounding === 'rz';
  return {
    id,
    bytes: 4,
    exponentBits,
    mantissaBits,
    overflowBits: (128 + bias) * 2 ** 23 - (truncates ? 0 : halfStep),
    flushSubnormals: false,
    saturates: exponentBits < 8,
    truncates,
  };
}

/** The description of a format, from the table or computed from its name. */
export function formatInfo(id: FormatId): NumberFormat {
  return Object.hasOwn(FORMATS, id) ? FORMATS[id as NamedFormat] : simulatedFormat(id as SimulatedFormat);
}

/** Exponent of the smallest value that has all mantissa bits; below it steps are equal, as those of integers are. */
export function normalExponent({ exponentBits, mantissaBits, integer }: NumberFormat): number {
  return integer ? mantissaBits : 2 - 2 ** (exponentBits - 1);
}

/** The largest finite value of a format. All floats but e4m3fn and e2m1fn reserve the top exponent for infinity and NaN. */
export function largestFinite(format: FormatId): number {
  if (format === 'e4m3fn') return 448;
  if (format === 'e2m1fn') return 6;
  if (format === 'i8') return 127;
  const { exponentBits, mantissaBits } = formatInfo(format);
  return (2 - 2 ** -mantissaBits) * 2 ** (2 ** (exponentBits - 1) - 1);
}

/** The code with which a kernel reads and writes a format: a file of `shaders/formats/`, with constants if formats share it. */
export type Prelude =
  | 'f32'
  | 'tf32'
  | `f16_${HalfStorage}${'' | '_flush'}${'' | '_clamp'}`
  | 'bf16'
  | 'e4m3fn'
  | 'e5m2'
  | 'e2m1fn'
  | 'i8'
  | SimulatedFormat;

/** The storage prelude of a format. @param half how the run stores half-precision values */
export function preludeOf(format: FormatId, half: HalfStorage): Prelude {
  if (format === 'f16') return `f16_${half}`;
  if (format === 'f16-flush') return `f16_${half}_flush`;
  if (format === 'f16-clamp') return `f16_${half}_clamp`;
  if (format === 'f16-flush-clamp') return `f16_${half}_flush_clamp`;
  return format;
}

export interface PreludeSource {
  /** File name in `shaders/formats/`, without `.wgsl`. */
  readonly file: string;
  /** Constants that the file uses but does not declare. */
  readonly constants: Readonly<Record<string, number | boolean>>;
}

/** The prelude of a half-precision format; undefined for others. */
function halfSource(prelude: string): PreludeSource | undefined {
  const match = /^(f16_(?:native|packed))(_flush)?(_clamp)?$/.exec(prelude);
  if (!match) return undefined;
  const [, file = '', flush, clamp] = match;
  return { file, constants: { FLUSHES: flush !== undefined, SATURATES: clamp !== undefined } };
}

export function preludeSource(prelude: string): PreludeSource {
  if (!isSimulatedFormat(prelude)) return halfSource(prelude) ?? { file: prelude, constants: {} };
  const { exponentBits, mantissaBits, truncates } = simulatedFormat(prelude);
  return {
    file: 'simulated',
    constants: { EXPONENT_BITS: exponentBits, MANTISSA_BITS: mantissaBits, TRUNCATES: truncates === true },
  };
}
