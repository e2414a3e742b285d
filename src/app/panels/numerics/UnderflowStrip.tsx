import { useEffect, useRef } from 'react';
import type { UnderflowHistory } from '../../../store/underflowHistory.ts';
import { formatCount, formatPercent } from '../../format.ts';
import { useWidth } from '../../hooks/useWidth.ts';
import styles from './NumericsPanel.module.css';
import { usePalette } from './usePalette.ts';

const ROW = 14;
const LABEL = 44;
/** Columns narrower than this are drawn as the largest of several. */
const MIN_COLUMN = 2;

interface UnderflowStripProps {
  history: UnderflowHistory;
  /** `history` grows without changing identity; this says how far. */
  length: number;
}

/** Share flushed to zero by layer over the probed steps, in the run's own format and at the scale of each step. */
export function UnderflowStrip({ history, length }: UnderflowStripProps) {
  const host = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const width = useWidth(host);
  const palette = usePalette(host);
  const height = history.layers * ROW;

  useEffect(() => {
    const context = canvas.current?.getContext('2d');
    if (!canvas.current || !context || !palette || width <= LABEL || length === 0) return;
    const ratio = window.devicePixelRatio || 1;
    canvas.current.width = Math.round(width * ratio);
    canvas.current.height = Math.round(height * ratio);
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.font = palette.font;
    context.textBaseline = 'middle';
    const columns = Math.min(length, Math.floor((width - LABEL) / MIN_COLUMN));
    const step = (width - LABEL) / columns;
    for (let layer = 0; layer < history.layers; layer++) {
      context.globalAlpha = 1;
      context.fillStyle = palette.muted;
      context.fillText(layer === history.layers - 1 ? 'head' : `h.${layer}`, 0, (layer + 0.5) * ROW);
      context.fillStyle = palette.bad;
      for (let column = 0; column < columns; column++) {
        const share = largestShare(
          history,
          layer,
          (column * length) / columns,
          ((column + 1) * length) / columns,
        );
        context.globalAlpha = 0.06 + 0.94 * Math.sqrt(share);
        context.fillRect(LABEL + column * step, layer * ROW + 1, Math.max(1, step - 0.5), ROW - 2);
      }
    }
  }, [history, length, palette, width, height]);

  const last = length - 1;
  const now = Array.from({ length: history.layers }, (_, layer) => history.share(last, layer));
  const worst = now.indexOf(Math.max(...now));
  const worstName = worst === history.layers - 1 ? 'the head' : `h.${worst}`;
  const summary = `Share of gradients flushed to zero by layer, steps ${formatCount(history.step(0))} to ${formatCount(history.step(last))}. At the last, ${now[worst]! > 0 ? `most in ${worstName}: ${formatPercent(now[worst]!)}` : 'none'}.`;
  return (
    <figure className={styles.strip}>
      <figcaption className={styles.caption}>{summary}</figcaption>
      <div ref={host} className={styles.host}>
        <canvas
          ref={canvas}
          className={styles.canvas}
          style={{ height }}
          role="img"
          aria-label={summary}
          data-testid="numerics-history"
          data-frames={length}
        />
      </div>
    </figure>
  );
}

function largestShare(history: UnderflowHistory, layer: number, from: number, to: number): number {
  let largest = 0;
  for (
    let i = Math.floor(from);
    i < Math.max(Math.ceil(to), Math.floor(from) + 1) && i < history.length;
    i++
  ) {
    largest = Math.max(largest, history.share(i, layer));
  }
  return largest;
}
