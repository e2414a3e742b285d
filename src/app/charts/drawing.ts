/** What the two drawings of a plot share: `LivePlot`, of runs that train, and `StaticPlot`, of runs that have ended. */
import type { ComponentType, RefObject } from 'react';
import type { Plot } from './plot.ts';

/** Pixels between the edge of the chart and its plot area. */
export const INSET = { left: 58, right: 14, top: 8, bottom: 24 };

/** Dash of reference lines. Their labels are in the legend, because over the values they would be unreadable. */
export const REFERENCE_DASH = '3 3';

export const TICK_FONT_SIZE = 12;

export interface DrawingProps {
  readonly id: string;
  readonly plot: Plot;
  /** Whether values hold up to the next change. */
  readonly steps: boolean;
  readonly width: number;
  readonly height: number;
  /** Receives the number of redraws as `data-redraws`, which the redraw budget is tested by. */
  readonly figure: RefObject<HTMLElement | null>;
}

export type Drawing = ComponentType<DrawingProps>;
