import { type RefObject, useEffect, useRef, useState } from 'react';
import { flushSync } from 'react-dom';
import { RedrawQueue } from '../../store/redrawQueue.ts';
import { useRun } from '../../store/runStore.ts';

/** React renders at once, so that the charts are painted with the figures beside them and not in a frame of their own. */
const queue = new RedrawQueue((drawAll) => flushSync(drawAll));

/** Charts within a page of the visible part are drawn in advance, so that they are ready when scrolled to. */
const NEAR = '100% 0px';

/**
 * A counter that increases when a chart is to be redrawn: after a new frame of the runs, when it is the chart's turn, and
 * only near the visible part of the page. The chart is not rendered in between.
 * @param intervalMs shortest time between two redraws; null for a chart of ended runs, which is never redrawn
 */
export function useRedraw(figure: RefObject<HTMLElement | null>, intervalMs: number | null): number {
  const [drawn, setDrawn] = useState(0);
  const seen = useRef(useRun.getState().frame);

  useEffect(() => {
    if (intervalMs === null) return;
    const drawing = queue.add(() => setDrawn((count) => count + 1), intervalMs);
    const observer = new IntersectionObserver(
      (entries) => drawing.setVisible(entries.some(({ isIntersecting }) => isIntersecting)),
      { rootMargin: NEAR },
    );
    if (figure.current) observer.observe(figure.current);
    const look = ({ frame }: { readonly frame: number }) => {
      if (frame === seen.current) return;
      seen.current = frame;
      drawing.request();
    };
    const unsubscribe = useRun.subscribe(look);
    look(useRun.getState()); // while another screen was shown, nothing was subscribed
    return () => {
      unsubscribe();
      observer.disconnect();
      drawing.remove();
    };
  }, [figure, intervalMs]);

  return drawn;
}
