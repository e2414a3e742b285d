import type { SessionCommand, SessionEvent } from './protocol.ts';

/** The main thread's side of the worker. */
export class SessionClient {
  readonly #worker: Worker;

  constructor(onEvent: (event: SessionEvent) => void) {
    this.#worker = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module', name: 'halfstep' });
    this.#worker.addEventListener('message', (message: MessageEvent<SessionEvent>) => onEvent(message.data));
    const failed = (why: string) =>
      onEvent({
        type: 'failed',
        error: {
          code: 'WORKER_FAILED',
          message: `The training worker failed: ${why}.`,
          hint: 'Reload the page. What was trained in it is lost.',
        },
      });
    this.#worker.addEventListener('error', (event) => failed(event.message || 'it could not be loaded'));
    this.#worker.addEventListener('messageerror', () => failed('a message could not be read'));
  }

  send(command: SessionCommand): void {
    this.#worker.postMessage(command);
  }
}
