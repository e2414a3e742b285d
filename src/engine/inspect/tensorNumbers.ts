/**
 * The numbers that are measured of each tensor. A row describes one: how it is read, and its column in the page and key in
 * `--json`. Tables of the page, lines of the command line and the types of frames follow from the rows.
 */

/** Root mean square of an update from which on it is a spike, in the first layer at least (arXiv 2304.13013). */
export const RMS_SPIKE = 2.3;

interface TensorNumber<Sums> {
  /** Key in `--json`. */
  readonly json: string;
  /** Heading of its column. */
  readonly label: string;
  /** What the page says where there is none; a dash by default. @param numbers of the tensor */
  readonly without?: (numbers: {
    readonly saturated?: number | null;
    readonly amax?: number | null;
  }) => string;
  readonly unit: 'dB' | 'share' | 'number';
  /** From which on it is marked. */
  readonly alarm?: number;
  /** Null where it has no meaning, as for values that are all zero. */
  read(sums: Sums): number | null;
}

/** What shaders/quantization_noise.wgsl sums of a tensor that is stored in a narrow format. */
export interface NoiseSums {
  readonly elements: number;
  /** Sum of the squares of the values, of those of their errors, and of the fourth powers of the values. */
  readonly signal: number;
  readonly noise: number;
  readonly fourth: number;
  readonly amax: number;
  /** Numbers of values. */
  readonly saturated: number;
  readonly underflow: number;
  readonly nonZero: number;
  readonly nonFinite: number;
}

/** Of storing a tensor in a narrow format, with its scale if it has one, on the values of the last micro-batch of a step. */
export const STORE_NUMBERS = {
  /** 20 log10(||x|| / ||x - q||) in dB; null when x is all zero, q equals x, or either is not finite. */
  sqnr: {
    json: 'sqnrDb',
    label: 'Signal to noise',
    unit: 'dB',
    without: ({ saturated, amax }) => {
      if (amax === 0) return 'all zero';
      return (saturated ?? 0) > 0 || !Number.isFinite(amax) ? 'not finite' : 'exact';
    },
    read: ({ signal, noise, nonFinite }) =>
      nonFinite === 0 && signal > 0 && noise > 0 ? 10 * Math.log10(signal / noise) : null,
  },
  /** Share of the nonzero values that exceed the largest value of the format. */
  saturated: {
    json: 'saturated',
    label: 'Saturated',
    unit: 'share',
    without: () => 'all zero',
    read: ({ saturated, nonZero }) => (nonZero > 0 ? saturated / nonZero : null),
  },
  /** Share of the nonzero values that were stored as zero. */
  underflow: {
    json: 'underflow',
    label: 'Underflow',
    unit: 'share',
    without: () => 'all zero',
    read: ({ underflow, nonZero }) => (nonZero > 0 ? underflow / nonZero : null),
  },
  /** The largest magnitude before scaling. Infinity and NaN compare as larger than all numbers. */
  amax: { json: 'amax', label: 'Largest', unit: 'number', read: ({ amax }) => amax },
  /**
   * The mean fourth power over the squared mean square of the values before they are stored: 3 for normally distributed ones, more
   * where few values are large. Null as `sqnr` for values that are all zero or not finite.
   */
  kurtosis: {
    json: 'kurtosis',
    label: 'Kurtosis',
    unit: 'number',
    read: ({ elements, signal, fourth, nonFinite }) =>
      nonFinite === 0 && signal > 0 ? (elements * fourth) / signal ** 2 : null,
  },
} as const satisfies Readonly<Record<string, TensorNumber<NoiseSums>>>;

/** What the optimizer's statistics leave of a parameter. */
interface UpdateSums {
  readonly rms: number;
}

/** Of the update of a parameter that has a second moment, where its optimizer or the run measures it. */
export const UPDATE_NUMBERS = {
  /** sqrt(mean(g^2 / max(v, epsilon^2))) with the bias-corrected v: about 1 in a steady run. */
  rms: { json: 'rms', label: 'RMS of the update', unit: 'number', alarm: RMS_SPIKE, read: ({ rms }) => rms },
} as const satisfies Readonly<Record<string, TensorNumber<UpdateSums>>>;

type Table = typeof STORE_NUMBERS | typeof UPDATE_NUMBERS;
type SumsOf<T extends Table> = T extends typeof STORE_NUMBERS ? NoiseSums : UpdateSums;

/** A row as the page reads it. */
export type NumberColumn = Pick<TensorNumber<never>, 'label' | 'unit' | 'alarm' | 'without'> & {
  readonly key: string;
};

/** One value for each row of a table. */
export type NumbersOf<T extends Table> = {
  readonly [Key in keyof T]: T[Key] extends { read(sums: SumsOf<T>): infer Value } ? Value : never;
};

/** The rows of a table, with their keys. */
export function columnsOf<T extends Table>(
  table: T,
): readonly (TensorNumber<SumsOf<T>> & { readonly key: keyof T })[] {
  return Object.entries(table).map(([key, row]) => ({ ...row, key: key as keyof T }));
}

/** The numbers of a tensor. */
export function numbersFrom<T extends Table>(table: T, sums: SumsOf<T>): NumbersOf<T> {
  const numbers = columnsOf(table).map(({ key, read }) => [key, read(sums)] as const);
  return Object.fromEntries(numbers) as NumbersOf<T>;
}
