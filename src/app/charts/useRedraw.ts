import { type RefObject, useEffect, useRef, useState } from 'react';
import { type DrawingHandle, RedrawQueue } from '../../store/redrawQueue.ts';

const queue = new RedrawQueue();

/** Charts within a page of the visible part are drawn in advance, so that they are ready when scrolled to. */
const NEAR = '100% 0px';

/**
 * A counter that increases when a chart is to be redrawn: after `frame` has changed, when it is the chart's turn, and
 * only near the visible part of the page.
 */
export function useRedraw(figure: RefObject<HTMLElement | null>, frame: number, intervalMs: number): number {
  const [drawn, setDrawn] = useState(0);
  const handle = useRef<DrawingHandle | null>(null);

  useEffect(() => {
    const drawing = queue.add(() => setDrawn((count) => count + 1), intervalMs);
    handle.current = drawing;
    const observer = new IntersectionObserver(
      (entries) => drawing.setVisible(entries.some(({ isIntersecting }) => isIntersecting)),
      { rootMargin: NEAR },
    );
    if (figure.current) observer.observe(figure.current);
    return () => {
      observer.disconnect();
      drawing.remove();
    };
  }, [figure, intervalMs]);

  const seen = useRef(frame);
  useEffect(() => {
    if (seen.current === frame) return;
    seen.current = frame;
    handle.current?.request();
  }, [frame]);

  return drawn;
}
