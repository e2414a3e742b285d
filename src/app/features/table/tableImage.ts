/** What the image of the article's table shows. */
import {
  COLORS,
  type Drawing,
  drawnImage,
  footing,
  heading,
  IMAGE,
  MARGIN,
  type Measure,
  textIn,
} from '../../picture/drawing.ts';
import type { TableCard } from './card.ts';

const TOP = 184;
const ROW = 54;
/** Left edges of the columns, and the right edge of the last. */
const COLUMNS = [MARGIN + 20, 316, 420, 552, 632, 760, 862, 1064, IMAGE.width - MARGIN - 8];
const GAP = 10;

/** What to draw, in order, and nothing beyond the image's edges. */
export function layOutTable(card: TableCard, measure: Measure): Drawing[] {
  const text = textIn(measure);
  const wide = IMAGE.width - 2 * MARGIN;
  const cells = (row: readonly string[], y: number, size: number, colors: (column: number) => string) =>
    row.slice(0, COLUMNS.length - 1).flatMap((cell, i): Drawing[] => {
      const width = COLUMNS[i + 1]! - COLUMNS[i]! - GAP;
      return cell ? [text(COLUMNS[i]!, y, cell, size, colors(i), width, i === 1 ? 600 : 400)] : [];
    });
  const rows = card.rows.slice(0, 4);
  return [
    ...heading(card.title, card.sentence, measure),
    { kind: 'box', x: MARGIN, y: TOP, width: wide, height: 52 + ROW * 4, color: COLORS.panel },
    ...cells(card.head, TOP + 34, 18, () => COLORS.muted),
    ...rows.flatMap((row, i) =>
      cells(row, TOP + 82 + ROW * i, 21, (column) => (column < 6 ? COLORS.text : COLORS.marker)),
    ),
    ...card.notes
      .slice(0, 2)
      .flatMap((note, i) => (note ? [text(MARGIN, TOP + 304 + 28 * i, note, 19, COLORS.muted, wide)] : [])),
    ...footing(card.origin, card.url, measure),
  ];
}

/** @throws Error when the browser provides no canvas or cannot encode the image */
export function tableImage(card: TableCard): Promise<Blob> {
  return drawnImage((measure) => layOutTable(card, measure));
}
