/** The runs of one mode from several seeds, as one line: their mean, with a band from the least to the greatest. */
import { variantTitle } from '../../engine/index.ts';
import type { XAxisKind } from '../../store/chartStore.ts';
import type { Series } from './chart.ts';
import { COLORS } from './series.ts';

/** Whether a mode is plotted from several seeds. */
export function hasSeeds(series: readonly Series[]): boolean {
  const modes = series.flatMap(({ run: { place } }) => (place === undefined ? [] : [place % COLORS]));
  return new Set(modes).size < modes.length;
}

/**
 * The series with those of a mode's seeds put together. Runs that are still training, and those that ended before the
 * others, keep lines of their own; so do all on an axis of time, which differs between them.
 */
export function seedsTogether(series: readonly Series[], kind: XAxisKind): readonly Series[] {
  if (kind === 'time') return series;
  const modes = new Map<number, Series[]>();
  for (const one of series) {
    const { place, planned } = one.run;
    if (place === undefined || planned !== undefined || one.lineless) continue;
    modes.set(place % COLORS, [...(modes.get(place % COLORS) ?? []), one]);
  }
  const together = [...modes.values()].map(complete).filter((seeds) => seeds.length > 1);
  return [...together.map(meanOf), ...series.filter((one) => !together.flat().includes(one))].sort(
    (a, b) => a.index - b.index,
  );
}

/** Those that are as long as the longest. */
function complete(seeds: readonly Series[]): Series[] {
  const most = Math.max(...seeds.map(({ length }) => length));
  return seeds.filter(({ length }) => length === most);
}

function meanOf(seeds: readonly Series[]): Series {
  const [first] = seeds as [Series];
  const { length, index, run } = first;
  const drawn = seeds.map(({ smoothed, values }) => smoothed ?? values);
  const over = (columns: readonly ArrayLike<number>[], of: (values: readonly number[]) => number) =>
    Float64Array.from({ length }, (_, i) => of(columns.map((column) => column[i]!)));
  return {
    index,
    run: { ...run, title: `${variantTitle(run.mode)}, mean of ${seeds.length} seeds` },
    length,
    values: over(drawn, mean),
    band: {
      low: over(drawn, (values) => edge(values, Math.min)),
      high: over(drawn, (values) => edge(values, Math.max)),
    },
    ...(first.validation && { validation: meanOfEvals(seeds) }),
  };
}

/** NaN where no seed has a value, as a speed before it is measured. */
function edge(values: readonly number[], of: (...values: number[]) => number): number {
  const finite = values.filter(Number.isFinite);
  return finite.length > 0 ? of(...finite) : Number.NaN;
}

function meanOfEvals(seeds: readonly Series[]): NonNullable<Series['validation']> {
  return seeds[0]!.validation!.flatMap((entry) => {
    const all = seeds.map(({ validation }) => validation?.find(({ step }) => step === entry.step)?.valLoss);
    const valLoss = mean(all.map((value) => value ?? Number.NaN));
    return [{ ...entry, valLoss: Number.isNaN(valLoss) ? null : valLoss }];
  });
}

/** NaN if one of the values is NaN. */
function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
