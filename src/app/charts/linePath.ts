/** From a plot's axis units to the pixels of a drawing, and its lines as SVG paths. */
import type { Axis } from './axes.ts';
import { INSET, TICK_FONT_SIZE } from './drawing.ts';
import type { Plot, PlotBand, Point } from './plot.ts';

export interface Pixels {
  readonly x: (at: number) => number;
  readonly y: (at: number) => number;
}

export function pixelsOf({ x, y }: Pick<Plot, 'x' | 'y'>, width: number, height: number): Pixels {
  const across = (width - INSET.left - INSET.right) / (x.high - x.low);
  const up = (height - INSET.top - INSET.bottom) / (y.high - y.low);
  return {
    x: (at) => tenth(INSET.left + (at - x.low) * across),
    y: (at) => tenth(INSET.top + (y.high - at) * up),
  };
}

/** More digits would make the page parse a longer path without a visible difference. */
function tenth(pixels: number): number {
  return Math.round(pixels * 10) / 10;
}

/**
 * A line through the points, interrupted where y is null.
 * @param steps whether each value holds up to the next point
 */
export function linePath(points: readonly Point[], { x, y }: Pixels, steps: boolean): string {
  let path = '';
  let drawing = false;
  for (const point of points) {
    if (point.y === null) {
      if (drawing && steps) path += `H${x(point.x)}`;
      drawing = false;
      continue;
    }
    const [left, top] = [x(point.x), y(point.y)];
    if (!drawing) path += `M${left} ${top}`;
    else path += steps ? `H${left}V${top}` : `L${left} ${top}`;
    drawing = true;
  }
  return path;
}

/** The area between the edges of a band. */
export function bandPath(points: PlotBand['points'], { x, y }: Pixels): string {
  if (points.length === 0) return '';
  const top = points.map(({ x: at, range: [, high] }) => `${x(at)} ${y(high)}`);
  const bottom = points.map(({ x: at, range: [low] }) => `${x(at)} ${y(low)}`).reverse();
  return `M${[...top, ...bottom].join('L')}Z`;
}

export interface PlacedLabel {
  readonly label: string;
  /** The middle of the text, in pixels. */
  readonly x: number;
}

/** Mean width of a character of a label, in pixels, and the least distance between two labels. */
const CHARACTER = 0.55 * TICK_FONT_SIZE;
const LABEL_GAP = 8;

/** Labels of the x axis: those at the edges are moved into the chart, and those that would meet another are left out. */
export function placeLabels(axis: Axis, toPixels: (at: number) => number, width: number): PlacedLabel[] {
  const placed: PlacedLabel[] = [];
  let end = Number.NEGATIVE_INFINITY;
  for (const { at, label } of axis.ticks) {
    const half = (label.length * CHARACTER) / 2;
    const x = Math.min(toPixels(at), width - half);
    if (x - half < end + LABEL_GAP) continue;
    placed.push({ label, x });
    end = x + half;
  }
  return placed;
}
