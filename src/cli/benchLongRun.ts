/** The stage `longrun`: trains for thousands of steps and checks whether they become slower. */
import {
  driftOf,
  EngineError,
  type LongRunBlock,
  MIN_STEPS,
  measureLongRun,
  presetOf,
} from '../engine/index.ts';
import type { BenchContext, BenchResults } from './benchContext.ts';
import { formatBytes, formatCount, formatLoss } from './format.ts';

/** Number of blocks per line of progress. */
const BLOCKS_PER_LINE = 10;

export async function longrun(context: BenchContext, results: BenchResults): Promise<void> {
  const { device, report, steps, print } = context;
  if (steps < MIN_STEPS) {
    throw new EngineError(
      'BAD_VALUE',
      `--steps is ${steps}, which is too few to measure a slope.`,
      `Give at least ${MIN_STEPS}.`,
    );
  }
  const config = { ...presetOf('smoke').config, precision: context.modes[0]! };
  let blocks = 0;
  const residentBytes: number[] = [];
  const measured = await measureLongRun(
    device,
    report,
    config,
    await context.datasetOf(config),
    steps,
    (block) => {
      residentBytes.push(process.memoryUsage.rss());
      if (++blocks % BLOCKS_PER_LINE === 0) print(progressLine(block));
    },
  );
  const drift = driftOf(measured);
  results.json.longrun = { precision: config.precision, drift, residentBytes, blocks: measured };
  print(longRunText(config.precision, measured, residentBytes));
}

function progressLine({ step, msPerStep, controlMs, loss }: LongRunBlock): string {
  return `step ${formatCount(step)}  ${msPerStep.toFixed(2)} ms per step  control ${controlMs.toFixed(1)} ms  loss ${formatLoss(loss)}`;
}

/** Summarises a long run. @param residentBytes memory of the process after each block */
export function longRunText(
  precision: string,
  blocks: readonly LongRunBlock[],
  residentBytes: readonly number[],
): string {
  const { slope, low, high } = driftOf(blocks);
  const [first, last] = [blocks[0]!, blocks.at(-1)!];
  const per1000 = (relative: number): string => {
    const text = (100 * Math.expm1(1000 * relative)).toFixed(2);
    return text.startsWith('-') ? text : `+${text}`;
  };
  const live = ({ live: { bytes, count } }: LongRunBlock): string =>
    `${formatBytes(bytes)} in ${count} buffers`;
  return [
    `Long run   preset smoke, ${precision}, ${formatCount(last.step)} steps in ${blocks.length} blocks`,
    `Drift      ${per1000(slope)} % of step time in 1,000 steps (95 %: ${per1000(low)} to ${per1000(high)}), relative to a control kernel`,
    `GPU        ${live(first)} after the first block, ${live(last)} after the last`,
    `Process    ${formatBytes(residentBytes[0]!)} resident after the first block, ${formatBytes(residentBytes.at(-1)!)} after the last`,
    `Loss       ${formatLoss(first.loss)} after the first block, ${formatLoss(last.loss)} after the last`,
  ].join('\n');
}
