/** How recharts draws runs that have ended, on every screen: properties of its components. */
import type { Axis } from './axes.ts';
import { INSET, TICK_FONT_SIZE } from './drawing.ts';

const TICK = { fontSize: TICK_FONT_SIZE, fill: 'var(--muted)' };

export const CHART = {
  margin: { top: INSET.top, right: INSET.right, bottom: 0, left: 0 },
  accessibilityLayer: false,
} as const;

export const GRID = { stroke: 'var(--line)', vertical: false, syncWithTicks: true } as const;

export const X_AXIS = {
  dataKey: 'x',
  type: 'number',
  height: INSET.bottom,
  tick: TICK,
  tickLine: false,
  axisLine: { stroke: 'var(--line-strong)' },
  minTickGap: 16,
} as const;

export const Y_AXIS = {
  type: 'number',
  width: INSET.left,
  tick: TICK,
  tickLine: false,
  axisLine: false,
  interval: 0,
} as const;

/** From the least to the greatest of several seeds. */
export const BAND = {
  dataKey: 'range',
  type: 'linear',
  stroke: 'none',
  fillOpacity: 0.2,
  activeDot: false,
  isAnimationActive: false,
} as const;

/** What an axis spans, and where it has ticks, with their labels. */
export function ticksOf({ low, high, ticks }: Axis) {
  const labels = new Map(ticks.map(({ at, label }) => [at, label]));
  return {
    domain: [low, high],
    ticks: ticks.map(({ at }) => at),
    tickFormatter: (at: number) => labels.get(at) ?? '',
  };
}
