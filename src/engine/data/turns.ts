/** Node has this. Its message ports handle up to a thousand messages in one turn, during which no timer or signal is handled. */
const { setImmediate } = globalThis as { setImmediate?: (call: () => void) => void };

/**
 * Lets the event loop run other tasks (messages, signals, timers) during long work. Each turn is a task of its own:
 * awaiting a promise would not let other tasks run, and browsers delay timers by at least four milliseconds.
 */
export class Turns {
  readonly #signal: AbortSignal | undefined;
  readonly #channel = setImmediate ? null : new MessageChannel();

  constructor(signal: AbortSignal | undefined) {
    this.#signal = signal;
  }

  /** @throws the signal's reason when it is aborted */
  async next(): Promise<void> {
    await new Promise<void>((resolve) => this.#call(resolve));
    this.#signal?.throwIfAborted();
  }

  close(): void {
    this.#channel?.port1.close();
  }

  #call(resolve: () => void): void {
    if (!this.#channel) {
      setImmediate!(resolve);
      return;
    }
    this.#channel.port1.onmessage = resolve;
    this.#channel.port2.postMessage(null);
  }
}
