/** A progress line that is rewritten in place on a terminal, and printed at intervals elsewhere. */
import { type Screen, show, visible } from './terminal.ts';

const TTY_INTERVAL_MS = 100;
const FILE_INTERVAL_MS = 10_000;

export class ProgressLine {
  #screen: Screen;
  #now: () => number;
  #last = Number.NEGATIVE_INFINITY;
  /** The text on the terminal's current line. */
  #shown = '';

  constructor(screen: Screen, now: () => number = () => performance.now()) {
    this.#screen = screen;
    this.#now = now;
  }

  /**
   * @param text called only when the line is shown
   * @param always shows the line regardless of the interval, for first and last lines
   */
  update(text: () => string, always = false): void {
    const interval = this.#screen.isTTY ? TTY_INTERVAL_MS : FILE_INTERVAL_MS;
    if (!always && this.#now() - this.#last < interval) return;
    this.#last = this.#now();
    if (!this.#screen.isTTY) {
      show(`${text()}\n`, this.#screen);
      return;
    }
    // The line is cut, because one that wraps could not be overwritten.
    this.#shown = visible(text()).slice(0, Math.max(1, (this.#screen.columns || 80) - 1));
    this.#screen.write(`\r\x1b[K${this.#shown}`);
  }

  /** Writes a line that stays; the progress line moves below it. */
  print(line: string): void {
    const clear = this.#shown ? '\r\x1b[K' : '';
    this.#screen.write(`${clear}${visible(line)}\n${this.#shown}`);
  }

  /** Leaves the progress line on the screen and starts a new line. */
  finish(): void {
    if (this.#shown) this.#screen.write('\n');
    this.#shown = '';
  }
}
