/** What bench/peers/run.mjs measured, as ratios, a table and complaints. */
import { median } from '../engine/index.ts';
import { formatCount, formatLoss } from './format.ts';
import { textTable } from './table.ts';

export interface PeerReport {
  readonly browser: string;
  readonly shapes: readonly PeerShape[];
}

export interface PeerShape {
  readonly shape: string;
  readonly adapter: string | null;
  /** The first is what the others are compared with. */
  readonly results: readonly PeerResult[];
}

export interface PeerResult {
  readonly name: string;
  /** Null where the package is not installed. */
  readonly version: string | null;
  readonly steps: number;
  /** In nats, of step 1, of the last warm-up step (the same in all) and of the last step; null where it was not reached. */
  readonly losses: {
    readonly first: number | null;
    readonly early: number | null;
    readonly last: number | null;
  };
  /** tokens/s of the baseline and of this one in turns. */
  readonly pairs: readonly { readonly baseline: number; readonly own: number }[];
  readonly error: string | null;
}

/** From equal starts and equal batches, losses may differ by rounding only: this is far beyond it. */
const SAME_LOSS = 0.01;

/** Median and range of what `result` reached of the baseline's speed beside it; null where nothing was measured. */
export function ratioOf({ pairs }: PeerResult): { median: number; low: number; high: number } | null {
  const ratios = pairs.map(({ baseline, own }) => own / baseline);
  if (ratios.length === 0) return null;
  return { median: median(ratios), low: Math.min(...ratios), high: Math.max(...ratios) };
}

export function peerTable({ results }: PeerShape): string {
  const baseline = results[0]!;
  const rows = results.map((result) => {
    const { name, version, losses, steps, error } = result;
    const loss = (value: number | null) => (value === null && error !== null ? '' : formatLoss(value));
    const speeds =
      result === baseline
        ? results.flatMap(({ pairs }) => pairs.map((pair) => pair.baseline))
        : result.pairs.map(({ own }) => own);
    const ratio = ratioOf(result);
    return [
      `${name} ${version ?? '(not installed)'}`,
      speeds.length > 0 ? formatCount(median(speeds)) : 'failed',
      ratio
        ? `${ratio.median.toPrecision(3)} (${ratio.low.toPrecision(2)} to ${ratio.high.toPrecision(2)})`
        : '',
      loss(losses.first),
      loss(losses.early),
      loss(losses.last),
      String(steps),
    ];
  });
  const header = ['', 'tokens/s', `of ${baseline.name}`, 'first loss', 'after warm-up', 'last loss', 'steps'];
  return textTable(header, rows);
}

/** What makes a row worth nothing: a failure, a loss that does not fall, or one that is not the baseline's. */
export function peerProblems({ shape, results }: PeerShape): string[] {
  const baseline = results[0]!;
  return results.flatMap(({ name, losses: { first, early, last }, error }) => {
    const of = `peers ${shape} ${name}`;
    if (error !== null) return [`${of}: ${error}`];
    if (first === null || last === null || !(last < first)) {
      return [`${of}: the loss did not fall (${formatLoss(first)} to ${formatLoss(last)}).`];
    }
    const expected = baseline.losses.early;
    if (early !== null && expected !== null && Math.abs(early - expected) > SAME_LOSS) {
      return [
        `${of}: the loss after warm-up is ${formatLoss(early)}, not ${formatLoss(expected)} as ${baseline.name}'s.`,
      ];
    }
    return [];
  });
}
