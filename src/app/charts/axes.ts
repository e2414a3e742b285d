/**
 * Ranges and tick marks. In both drawings all axes are linear, because recharts draws nothing where a logarithmic axis
 * meets 0: a logarithmic axis here is a linear one over log10 of the values, with ticks labelled by the values.
 */

export interface Tick {
  /** In axis units: log10 of the value on a logarithmic axis. */
  readonly at: number;
  readonly label: string;
}

export interface Axis {
  readonly log: boolean;
  /** In axis units. */
  readonly low: number;
  readonly high: number;
  readonly ticks: readonly Tick[];
}

type Label = (value: number) => string;

/** Position of a value on the axis; null where it has none: a gap, or 0 and below on a logarithmic axis. */
export function place(value: number, log: boolean): number | null {
  const at = log ? Math.log10(value) : value;
  return Number.isFinite(at) ? at : null;
}

export function linearAxis(low: number, high: number, count: number, label: Label): Axis {
  const step = niceStep((high - low) / Math.max(1, count));
  return {
    log: false,
    low,
    high,
    ticks: ticksEvery(step, low, high).map((at) => ({ at, label: label(at) })),
  };
}

/** @param low  @param high  the range in values, both above 0 */
export function logAxis(low: number, high: number, count: number, label: Label): Axis {
  const [from, to] = [Math.log10(low), Math.log10(high)];
  return {
    log: true,
    low: from,
    high: to,
    ticks: logTicks(low, high, count).map((value) => ({ at: Math.log10(value), label: label(value) })),
  };
}

/** An axis in seconds with ticks at clock intervals. */
export function timeAxis(high: number, count: number): Axis {
  const wanted = high / Math.max(1, count);
  const step = CLOCK_STEPS.find((seconds) => seconds >= wanted) ?? 3600 * niceStep(wanted / 3600);
  return {
    log: false,
    low: 0,
    high,
    ticks: ticksEvery(step, 0, high).map((at) => ({ at, label: timeLabel(at) })),
  };
}

/** The range of `values`; null when none is finite. */
export function rangeOf(values: Iterable<number>): readonly [low: number, high: number] | null {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (const value of values) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return low <= high ? [low, high] : null;
}

/** Fewer values have no outliers. */
const FEWEST_FOR_OUTLIERS = 20;

/** The range without the lowest and the highest hundredth of the values. */
export function rangeWithoutOutliers(values: readonly number[]): readonly [low: number, high: number] | null {
  const sorted = values.filter(Number.isFinite).sort((a, b) => a - b);
  if (sorted.length < FEWEST_FOR_OUTLIERS) return rangeOf(sorted);
  const left = Math.ceil(sorted.length / 100);
  return [sorted[left]!, sorted[sorted.length - 1 - left]!];
}

/** The range widened by a twentieth at both ends; a single value gets room too. */
export function withRoom([low, high]: readonly [number, number], log: boolean): readonly [number, number] {
  if (log) {
    const room = high > low ? (high / low) ** 0.05 : 2;
    return [low / room, high * room];
  }
  const room = high > low ? (high - low) * 0.05 : Math.abs(high) * 0.05 || 1;
  return [low - room, high + room];
}

const CLOCK_STEPS = [
  0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 21_600, 43_200,
];

/** "1.5 s", "2 min", "1 h 30 min". */
export function timeLabel(seconds: number): string {
  if (seconds < 60) return `${Number(seconds.toPrecision(3))} s`;
  const [hours, minutes, rest] = [
    Math.floor(seconds / 3600),
    Math.floor((seconds % 3600) / 60),
    seconds % 60,
  ];
  const parts = [hours && `${hours} h`, minutes && `${minutes} min`, rest >= 1 && `${Math.round(rest)} s`];
  return parts.filter(Boolean).join(' ');
}

/** The next of 1, 2, 5, 10, 20, ... */
function niceStep(wanted: number): number {
  if (!(wanted > 0)) return 1;
  const decade = 10 ** Math.floor(Math.log10(wanted));
  const factor = [1, 2, 5].find((candidate) => candidate * decade >= wanted * (1 - 1e-9)) ?? 10;
  return factor * decade;
}

function ticksEvery(step: number, low: number, high: number): number[] {
  const [first, last] = [Math.ceil(low / step - 1e-9), Math.floor(high / step + 1e-9)];
  // Ticks are multiplied, not summed, and rounded; otherwise one would read 0.30000000000000004.
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, i) =>
    Number(((first + i) * step).toPrecision(12)),
  );
}

/** Powers of ten, with 2 and 5 between them where there is room; in a short range, evenly spaced values. */
function logTicks(low: number, high: number, count: number): number[] {
  const decades = Math.log10(high / low);
  if (decades < 0.7) return ticksEvery(niceStep((high - low) / Math.max(1, count)), low, high);
  const factors = decades * 3 <= count + 1 ? [1, 2, 5] : [1];
  const stride = Math.max(1, Math.ceil(decades / Math.max(1, count)));
  const ticks: number[] = [];
  for (let decade = Math.floor(Math.log10(low)); decade <= Math.log10(high); decade++) {
    if (factors.length === 1 && decade % stride !== 0) continue;
    for (const factor of factors) {
      const value = Number((factor * 10 ** decade).toPrecision(12));
      if (value >= low && value <= high) ticks.push(value);
    }
  }
  return ticks.length >= 2 ? ticks : [1, 2, 5].flatMap((f) => inDecades(f, low, high));
}

function inDecades(factor: number, low: number, high: number): number[] {
  const found: number[] = [];
  for (let decade = Math.floor(Math.log10(low)); decade <= Math.log10(high); decade++) {
    const value = Number((factor * 10 ** decade).toPrecision(12));
    if (value >= low && value <= high) found.push(value);
  }
  return found;
}
