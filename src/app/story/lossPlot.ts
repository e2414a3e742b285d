/** Geometry of the story's chart: where each loss is drawn, in pixels. */
import type { MetricsLog } from '../../store/metricsLog.ts';

export interface PlotBox {
  readonly width: number;
  readonly height: number;
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

export interface PlotScale {
  readonly x: (step: number) => number;
  readonly y: (loss: number) => number;
  readonly xTicks: readonly number[];
  readonly yTicks: readonly number[];
}

/** More points than pixels would only thicken the line. */
const MOST_POINTS = 400;

/** Lowest and highest loss drawn, to the next half, so that the axis stays as it is while the loss falls. */
export function lossRange(losses: readonly number[]): readonly [low: number, high: number] {
  const finite = losses.filter(Number.isFinite);
  const high = Math.ceil(2 * Math.max(4.5, ...finite)) / 2;
  const low = Math.floor(2 * Math.min(2, ...finite)) / 2;
  return [low, Math.min(high, low + 8)];
}

export function plotScale(
  { width, height, left, right, top, bottom }: PlotBox,
  steps: number,
  [low, high]: readonly [number, number],
): PlotScale {
  const x = (step: number) => left + ((width - left - right) * step) / Math.max(1, steps);
  const y = (loss: number) => top + ((height - top - bottom) * (high - Math.min(loss, high))) / (high - low);
  const every = stepTick(steps, width);
  const xTicks = Array.from({ length: Math.floor(steps / every) + 1 }, (_, i) => i * every);
  const unit = high - low > 3 ? 1 : 0.5;
  const yTicks = Array.from({ length: Math.floor((high - low) / unit) + 1 }, (_, i) => low + i * unit);
  return { x, y, xTicks, yTicks };
}

/** A round distance between the labels of the steps, so that they are at least 90 pixels apart. */
function stepTick(steps: number, width: number): number {
  const least = (90 * Math.max(1, steps)) / Math.max(1, width);
  const unit = 10 ** Math.floor(Math.log10(Math.max(1, least)));
  return [1, 2, 5, 10].map((factor) => factor * unit).find((tick) => tick >= least) ?? 10 * unit;
}

/** The path of a run's smoothed loss. A step whose loss is not finite leaves a gap. */
export function lossPath(log: MetricsLog, { x, y }: PlotScale): string {
  const { step } = log.columns;
  const smoothed = log.smoothedLoss();
  const every = Math.max(1, Math.ceil(log.length / MOST_POINTS));
  let path = '';
  let pen = 'M';
  for (let i = 0; i < log.length; i++) {
    if (i % every !== 0 && i !== log.length - 1) continue;
    const loss = smoothed[i]!;
    if (!Number.isFinite(loss)) {
      pen = 'M';
      continue;
    }
    path += `${pen}${x(step[i]!).toFixed(1)} ${y(loss).toFixed(1)}`;
    pen = 'L';
  }
  return path;
}

/**
 * Heights of labels that keep their order and are at least `distance` apart.
 * @param wanted heights at which they would stand alone
 */
export function spread(wanted: readonly number[], distance: number, lowest: number): number[] {
  // Of labels at almost the same height the order is that of the runs: it would change with every step.
  const place = (at: number) => Math.round(at / distance);
  const order = wanted
    .map((at, index) => ({ at, index }))
    .sort((a, b) => place(a.at) - place(b.at) || a.index - b.index);
  const placed = new Array<number>(wanted.length);
  let floor = lowest;
  for (let i = order.length - 1; i >= 0; i--) {
    const { at, index } = order[i]!;
    placed[index] = Math.min(at, floor);
    floor = placed[index]! - distance;
  }
  return placed;
}
