/** Turns the results of bench/peers/run.mjs into ratios, a table and a list of problems. */
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
  /** The first is the baseline. */
  readonly results: readonly PeerResult[];
}

export interface PeerResult {
  readonly name: string;
  /** Null when the package is not installed. */
  readonly version: string | null;
  readonly steps: number;
  /** Losses in nats of step 1, of the last warm-up step (the same step for all) and of the last step; null when not reached. */
  readonly losses: {
    readonly first: number | null;
    readonly early: number | null;
    readonly last: number | null;
  };
  /** tokens/s of the baseline and of this trainer, measured alternately. */
  readonly pairs: readonly { readonly baseline: number; readonly own: number }[];
  readonly error: string | null;
}

/** Largest allowed difference. With equal weights and batches, losses differ only by rounding, which is far smaller. */
const SAME_LOSS = 0.01;

/** Median and range of the speed of `result` relative to the baseline; null when nothing was measured. */
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
  const header = [
    '',
    'tokens/s',
    `relative to ${baseline.name}`,
    'first loss',
    'after warm-up',
    'last loss',
    'steps',
  ];
  return textTable(header, rows);
}

/** Lists the rows that are not valid: failures, losses that do not fall, and losses that differ from the baseline's. */
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
        `${of}: the loss after warm-up is ${formatLoss(early)}, but that of ${baseline.name} is ${formatLoss(expected)}.`,
      ];
    }
    return [];
  });
}
