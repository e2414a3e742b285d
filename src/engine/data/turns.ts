/** Node's. Its message ports take up to a thousand messages in one turn, in which no signal and no timer is heard. */
const { setImmediate } = globalThis as { setImmediate?: (call: () => void) => void };

/**
 * Gives way to what else waits (a message, a signal, a timer) in the midst of long work. Each turn is a task of its own:
 * promises alone would let nothing else run, and browsers let timers wait for four milliseconds.
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
