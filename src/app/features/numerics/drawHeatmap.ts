/** Draws the heatmap on a canvas, so that a frame costs a few thousand rectangles and no DOM. */
import type { Bands } from '../../../engine/index.ts';
import { formatPowerOfTwo } from '../../format.ts';
import { COLUMNS, columnOf, exponentOf, type HeatRow, HIGHEST, LOWEST } from './model.ts';

export interface Palette {
  readonly text: string;
  readonly muted: string;
  readonly line: string;
  readonly value: string;
  readonly bad: string;
  readonly caution: string;
  readonly font: string;
}

export interface Geometry {
  readonly width: number;
  readonly height: number;
  readonly labelWidth: number;
  readonly column: number;
  /** Top of each row. */
  readonly tops: readonly number[];
}

const ROW = 15;
const GROUP = 22;
const HEADER = 38;
const FOOTER = 6;
const TICK_EVERY = 8;

export function layOut(rows: readonly HeatRow[], width: number): Geometry {
  const labelWidth = Math.min(230, Math.round(width * 0.36));
  const tops: number[] = [];
  let top = HEADER;
  for (const { group } of rows) {
    if (group !== null) top += GROUP;
    tops.push(top);
    top += ROW;
  }
  return { width, height: top + FOOTER, labelWidth, column: (width - labelWidth) / COLUMNS, tops };
}

/** The cell at a point; null outside the rows. */
export function cellAt(
  { tops, labelWidth, column }: Geometry,
  x: number,
  y: number,
): { row: number; column: number | null } | null {
  const row = tops.findIndex((top) => y >= top && y < top + ROW);
  if (row < 0) return null;
  return {
    row,
    column: x < labelWidth ? null : Math.min(COLUMNS - 1, Math.floor((x - labelWidth) / column)),
  };
}

/** Resizes the canvas to device pixels and draws everything. */
export function drawHeatmap(
  canvas: HTMLCanvasElement,
  rows: readonly HeatRow[],
  geometry: Geometry,
  scaleLog2: number,
  bands: Bands,
  palette: Palette,
): void {
  const context = canvas.getContext('2d');
  if (!context) return;
  const ratio = window.devicePixelRatio || 1;
  canvas.width = Math.round(geometry.width * ratio);
  canvas.height = Math.round(geometry.height * ratio);
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, geometry.width, geometry.height);
  context.font = palette.font;
  context.textBaseline = 'middle';
  drawBands(context, geometry, scaleLog2, bands, palette);
  drawAxis(context, geometry, palette);
  const grouped = rows.some(({ group }) => group !== null);
  for (const [i, heat] of rows.entries()) {
    const name = shortName(heat.row.name, grouped);
    drawRow(context, geometry, geometry.tops[i]!, heat, name, palette);
  }
}

function drawBands(
  context: CanvasRenderingContext2D,
  { labelWidth, column, height, width }: Geometry,
  scaleLog2: number,
  { keptFrom, normalFrom, overflowFrom }: Bands,
  palette: Palette,
): void {
  // A boundary beyond the axis leaves its band empty, or extends it to the other end.
  const at = (exponent: number) => {
    const unscaled = exponent - scaleLog2;
    if (unscaled > HIGHEST) return width - column;
    return labelWidth + (unscaled < LOWEST ? 1 : columnOf(unscaled)) * column;
  };
  const [kept, normal, overflow] = [at(keptFrom), at(normalFrom), at(overflowFrom)];
  const start = labelWidth + column;
  const band = (from: number, to: number, colour: string, label: string) => {
    if (to - from < 1) return;
    context.globalAlpha = 0.13;
    context.fillStyle = colour;
    context.fillRect(from, HEADER, to - from, height - HEADER - FOOTER);
    context.globalAlpha = 1;
    context.fillStyle = colour;
    context.fillRect(from, HEADER - 3, to - from, 3);
    context.textAlign = 'center';
    if (context.measureText(label).width <= to - from) context.fillText(label, (from + to) / 2, 10);
  };
  band(start, kept, palette.bad, 'flushed to zero');
  band(kept, normal, palette.caution, 'subnormal');
  band(overflow, width, palette.bad, 'overflow');
}

function drawAxis(
  context: CanvasRenderingContext2D,
  { labelWidth, column, width }: Geometry,
  palette: Palette,
): void {
  context.fillStyle = palette.muted;
  context.textAlign = 'center';
  const every = column * TICK_EVERY < 34 ? 2 * TICK_EVERY : TICK_EVERY;
  // The first and last columns hold zeros and non-finite values, so they get no exponent.
  for (let exponent = LOWEST + TICK_EVERY; exponent < HIGHEST; exponent += every) {
    context.fillText(formatPowerOfTwo(exponent), labelWidth + (columnOf(exponent) + 0.5) * column, 26);
  }
  context.textAlign = 'left';
  context.fillText('0', labelWidth + 1, 26);
  context.textAlign = 'right';
  context.fillText('∞', width - 1, 26);
}

function drawRow(
  context: CanvasRenderingContext2D,
  { labelWidth, column, width }: Geometry,
  top: number,
  { group, shares }: HeatRow,
  name: string,
  palette: Palette,
): void {
  context.textAlign = 'left';
  if (group !== null) {
    context.fillStyle = palette.line;
    context.fillRect(0, top - GROUP + 2, width, 1);
    context.fillStyle = palette.text;
    context.fillText(group, 0, top - 8);
  }
  context.fillStyle = palette.muted;
  context.fillText(fitted(context, name, labelWidth - 8), 0, top + ROW / 2);
  context.fillStyle = palette.value;
  for (const [i, share] of shares.entries()) {
    if (share === 0) continue;
    // The square root makes the few values at the edges of a row visible, which are the ones that get lost.
    context.globalAlpha = Math.min(1, 0.12 + Math.sqrt(share) * 1.4);
    context.fillRect(labelWidth + i * column, top + 1, Math.max(1, column - 0.5), ROW - 2);
  }
  context.globalAlpha = 1;
}

/** Within a group the heading already names the block. */
function shortName(name: string, grouped: boolean): string {
  const short = name.replace('residual gradient at', 'residual at').replace(' gradient', '');
  return grouped ? short.replace(/\bh\.\d+\./, '') : short;
}

function fitted(context: CanvasRenderingContext2D, text: string, width: number): string {
  if (context.measureText(text).width <= width) return text;
  let length = text.length - 1;
  // The end of a name is kept, since names differ there.
  while (length > 1 && context.measureText(`…${text.slice(-length)}`).width > width) length -= 1;
  return `…${text.slice(-length).replace(/^\./, '')}`;
}

/** The name of a column in the hover text. */
export function columnName(column: number): string {
  if (column === 0) return 'exactly zero';
  if (column === COLUMNS - 1) return 'not finite';
  const exponent = exponentOf(column);
  if (exponent === LOWEST) return `${formatPowerOfTwo(exponent)} and below`;
  return exponent === HIGHEST ? `${formatPowerOfTwo(exponent)} and above` : formatPowerOfTwo(exponent);
}
