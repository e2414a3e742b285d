/** Four redraws a second: more cannot be read, and the main thread belongs to the visitor. */
const INTERVAL_MS = 250;
/** Of a hidden page only the title is seen. */
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
    // Not by timer where it is due: browsers hold back the timers of hidden pages, but not the worker's messages.
    if (wait <= 0) this.now();
    else this.#timer = setTimeout(() => this.now(), wait);
  }

  /** For what ends a run: the last figures are shown together with the state they belong to. */
  now(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#lastPaint = performance.now();
    this.#paint();
  }
}
