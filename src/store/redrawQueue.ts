/** A drawing that waits for its turn. */
interface Drawing {
  readonly draw: () => void;
  readonly intervalMs: number;
  lastDrawn: number;
  requestedAt: number | null;
  visible: boolean;
}

export interface DrawingHandle {
  /** Requests a redraw at the next turn. */
  request(): void;
  /** A drawing that is out of sight waits until it is visible. */
  setVisible(visible: boolean): void;
  remove(): void;
}

/**
 * Shares the main thread among drawings: one per animation frame, each at most once in its interval, the longest
 * waiting first, and none while the page is hidden.
 */
export class RedrawQueue {
  readonly #drawings = new Set<Drawing>();
  #frame: number | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor() {
    document.addEventListener('visibilitychange', () => this.#schedule());
  }

  add(draw: () => void, intervalMs: number): DrawingHandle {
    const drawing: Drawing = {
      draw,
      intervalMs,
      lastDrawn: Number.NEGATIVE_INFINITY,
      requestedAt: null,
      visible: true,
    };
    this.#drawings.add(drawing);
    return {
      request: () => {
        drawing.requestedAt ??= performance.now();
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
    return [...this.#drawings].filter(({ requestedAt, visible }) => requestedAt !== null && visible);
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
    else this.#frame = requestAnimationFrame(() => this.#drawOne());
  }

  #drawOne(): void {
    this.#frame = undefined;
    const now = performance.now();
    const due = this.#waiting()
      .filter(({ lastDrawn, intervalMs }) => now - lastDrawn >= intervalMs)
      .sort((a, b) => a.requestedAt! - b.requestedAt!)[0];
    if (due && !document.hidden) {
      due.lastDrawn = now;
      due.requestedAt = null;
      due.draw();
    }
    this.#schedule();
  }
}
