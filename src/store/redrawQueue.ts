/** A drawing that waits for its turn. */
interface Drawing {
  readonly draw: () => void;
  readonly intervalMs: number;
  lastDrawn: number;
  requested: boolean;
  visible: boolean;
}

export interface DrawingHandle {
  /** Requests a redraw at the next animation frame that its interval allows. */
  request(): void;
  /** A drawing that is out of sight waits until it is visible. */
  setVisible(visible: boolean): void;
  remove(): void;
}

/**
 * Draws what was requested, each drawing at most once in its interval and none while the page is hidden. All that are due
 * are drawn in one animation frame, because laying out and painting the page costs more than most drawings.
 */
export class RedrawQueue {
  readonly #together: (drawAll: () => void) => void;
  readonly #drawings = new Set<Drawing>();
  #frame: number | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** @param together calls its argument at once, and ends after what that draws is in the page */
  constructor(together: (drawAll: () => void) => void = (drawAll) => drawAll()) {
    this.#together = together;
    document.addEventListener('visibilitychange', () => this.#schedule());
  }

  add(draw: () => void, intervalMs: number): DrawingHandle {
    const drawing: Drawing = {
      draw,
      intervalMs,
      lastDrawn: Number.NEGATIVE_INFINITY,
      requested: false,
      visible: true,
    };
    this.#drawings.add(drawing);
    return {
      request: () => {
        drawing.requested = true;
        this.#schedule();
      },
      setVisible: (visible) => {
        drawing.visible = visible;
        this.#schedule();
      },
      remove: () => {
        this.#drawings.delete(drawing);
      },
    };
  }

  #waiting(): Drawing[] {
    return [...this.#drawings].filter(({ requested, visible }) => requested && visible);
  }

  /** Sleeps until the first drawing is due, then asks for an animation frame. */
  #schedule(): void {
    clearTimeout(this.#timer);
    if (document.hidden || this.#frame !== undefined) return;
    const waiting = this.#waiting();
    if (waiting.length === 0) return;
    const due = Math.min(...waiting.map(({ lastDrawn, intervalMs }) => lastDrawn + intervalMs));
    const wait = due - performance.now();
    if (wait > 0) this.#timer = setTimeout(() => this.#schedule(), Math.ceil(wait));
    else this.#frame = requestAnimationFrame(() => this.#drawDue());
  }

  #drawDue(): void {
    this.#frame = undefined;
    const now = performance.now();
    const due = this.#waiting().filter(({ lastDrawn, intervalMs }) => now - lastDrawn >= intervalMs);
    if (due.length > 0 && !document.hidden) {
      for (const drawing of due) {
        drawing.lastDrawn = now;
        drawing.requested = false;
      }
      this.#together(() => {
        for (const { draw } of due) draw();
      });
    }
    this.#schedule();
  }
}
