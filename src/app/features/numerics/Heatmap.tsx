import { type PointerEvent, useEffect, useMemo, useRef, useState } from 'react';
import type { Bands } from '../../../engine/index.ts';
import { formatCount } from '../../format.ts';
import { useWidth } from '../../hooks/useWidth.ts';
import { cellAt, drawHeatmap, layOut } from './drawHeatmap.ts';
import { hoverSentence } from './messages.ts';
import type { HeatRow } from './model.ts';
import styles from './NumericsPanel.module.css';
import { usePalette } from './usePalette.ts';

/** Taller heatmaps, of models with more than about four blocks, get a scroll box so that the page stays short. */
const TALLEST_WHOLE = 1280;

interface HeatmapProps {
  rows: readonly HeatRow[];
  scaleLog2: number;
  bands: Bands;
  /** Text alternative of the heatmap. */
  summary: string;
}

/** Redrawn only when the frame, the scale, the width or the theme changes. */
export function Heatmap({ rows, scaleLog2, bands, summary }: HeatmapProps) {
  const host = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const width = useWidth(host);
  const palette = usePalette(host);
  const geometry = useMemo(() => layOut(rows, width), [rows, width]);
  const [hover, setHover] = useState<ReturnType<typeof cellAt>>(null);

  useEffect(() => {
    if (!canvas.current || !palette || width === 0) return;
    drawHeatmap(canvas.current, rows, geometry, scaleLog2, bands, palette);
  }, [rows, geometry, scaleLog2, bands, palette, width]);

  const point = (event: PointerEvent) => {
    const box = event.currentTarget.getBoundingClientRect();
    setHover(cellAt(geometry, event.clientX - box.left, event.clientY - box.top));
  };
  const hovered = hover && rows[hover.row];
  const scrolls = geometry.height > TALLEST_WHOLE;
  return (
    <>
      <section
        className={scrolls ? styles.scroll : undefined}
        // A box that scrolls must be reachable by keyboard.
        tabIndex={scrolls ? 0 : undefined}
        aria-label="Heatmap of exponents"
      >
        <div ref={host} className={styles.host}>
          <canvas
            ref={canvas}
            className={styles.canvas}
            style={{ height: geometry.height }}
            role="img"
            aria-label={summary}
            onPointerMove={point}
            onPointerDown={point}
            onPointerLeave={() => setHover(null)}
            data-testid="numerics-heatmap"
          />
        </div>
      </section>
      <p className={styles.hover} data-testid="numerics-hover">
        {hover && hovered
          ? hoverSentence(hovered, hover.column)
          : `Point at a row to read it.${scrolls ? ` The box scrolls: it has ${formatCount(rows.length)} rows.` : ''}`}
      </p>
    </>
  );
}
