import { type RefObject, useEffect, useRef } from 'react';

/** Counts the renders of a drawing in the `data-redraws` of its chart. */
export function useRedrawCount(figure: RefObject<HTMLElement | null>): void {
  const redraws = useRef(0);
  useEffect(() => {
    redraws.current += 1;
    if (figure.current) figure.current.dataset.redraws = String(redraws.current);
  });
}
