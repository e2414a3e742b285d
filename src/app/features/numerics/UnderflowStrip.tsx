import { useEffect, useRef } from 'react';
import { blockName } from '../../../engine/index.ts';
import type { UnderflowHistory } from '../../../store/underflowHistory.ts';
import { useWidth } from '../../hooks/useWidth.ts';
import { stripSentence } from './messages.ts';
import styles from './NumericsPanel.module.css';
import { usePalette } from './usePalette.ts';

const ROW = 14;
const LABEL = 44;
/** Columns narrower than this are merged: each shows the largest of several frames. */
const MIN_COLUMN = 2;

interface UnderflowStripProps {
  history: UnderflowHistory;
  /** `history` grows without changing identity; this is its current length. */
  length: number;
}

/**
 * Share flushed to zero by layer over the probed steps, in the run's own format and at the scale of each step. Grey
 * where all gradients of a layer are exactly zero, so that none can be flushed.
 */
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
      context.fillText(layer === history.layers - 1 ? 'head' : blockName(layer), 0, (layer + 0.5) * ROW);
      for (let column = 0; column < columns; column++) {
        const share = worstShare(
          history,
          layer,
          (column * length) / columns,
          ((column + 1) * length) / columns,
        );
        context.fillStyle = share === null ? palette.muted : palette.bad;
        context.globalAlpha = share === null ? 0.6 : 0.06 + 0.94 * Math.sqrt(share);
        context.fillRect(LABEL + column * step, layer * ROW + 1, Math.max(1, step - 0.5), ROW - 2);
      }
    }
  }, [history, length, palette, width, height]);

  const summary = stripSentence(history);
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

/** The largest share of several frames; null where one of them had only zeros. */
function worstShare(history: UnderflowHistory, layer: number, from: number, to: number): number | null {
  let largest = 0;
  for (
    let i = Math.floor(from);
    i < Math.max(Math.ceil(to), Math.floor(from) + 1) && i < history.length;
    i++
  ) {
    const share = history.share(i, layer);
    if (share === null) return null;
    largest = Math.max(largest, share);
  }
  return largest;
}
