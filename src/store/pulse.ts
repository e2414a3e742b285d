/** Four redraws a second: nobody can read more, and the main thread has to stay responsive. */
const INTERVAL_MS = 250;
/** A hidden page shows only its title. */
const HIDDEN_INTERVAL_MS = 1000;

/** Calls `paint` soon after `request`: at most every 250 ms, and every second while the page is hidden. */
export class Pulse {
  readonly #paint: () => void;
  #lastPaint = Number.NEGATIVE_INFINITY;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(paint: () => void) {
    this.#paint = paint;
    document.addEventListener('visibilitychange', () => {
      if (!document.hidden) this.request();
    });
  }

  request(): void {
    if (this.#timer !== undefined) return;
    const interval = document.hidden ? HIDDEN_INTERVAL_MS : INTERVAL_MS;
    const wait = this.#lastPaint + interval - performance.now();
    // A due repaint does not use a timer: browsers throttle the timers of hidden pages, but not the worker's messages.
    if (wait <= 0) this.now();
    else this.#timer = setTimeout(() => this.now(), wait);
  }

  /** Paints at once, when a run ends: its last figures are shown together with its final state. */
  now(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#lastPaint = performance.now();
    this.#paint();
  }
}
