import type { SessionErrorCode } from './errorReport.ts';
import type { SessionCommand, SessionEvent, Settled } from './protocol.ts';
import workerUrl from './worker.ts?worker&url';

/** The main thread's side of the worker. */
export class SessionClient {
  readonly #worker: Worker;
  /** Commands that have not settled: the worker may still use the page's storage for them. */
  #unsettled = 0;

  /**
   * Starts the worker. A blocked or missing script is reported later, as `unsupported`.
   * @throws DOMException SecurityError where the page may not start workers at all, as in a sandboxed frame
   */
  constructor(onEvent: (event: SessionEvent) => void) {
    let refused = false;
    document.addEventListener('securitypolicyviolation', (violation) => {
      if (violation.disposition !== 'enforce' || violation.blockedURI !== scriptAddress()) return;
      refused = true;
      onEvent(blocked(violation));
    });
    this.#worker = new Worker(workerUrl, { type: 'module', name: 'halfstep' });
    this.#worker.addEventListener('message', ({ data }: MessageEvent<SessionEvent | Settled>) => {
      if (data.type === 'settled') this.#unsettled -= 1;
      else onEvent(data);
    });
    this.#worker.addEventListener('error', (event) => {
      // A script that ran and failed has a message; one that never ran has none.
      if (event instanceof ErrorEvent) onEvent(failed(event.message));
      else if (!refused) onEvent(missing());
    });
    this.#worker.addEventListener('messageerror', () => onEvent(failed('a message could not be read')));
    this.#endWhenLeft();
  }

  send(command: SessionCommand): void {
    this.#worker.postMessage(command);
    this.#unsettled += 1;
  }

  /**
   * Browsers may keep a page after the visitor leaves it, to show it again on Back, and freeze its worker. A worker
   * frozen while it holds the storage lock would block every other page. Browsers do not keep pages whose worker holds
   * a lock, but Firefox decides that before `pagehide`. So a worker that may use the storage is terminated, and Back
   * reloads the page.
   */
  #endWhenLeft(): void {
    let ended = false;
    addEventListener('pagehide', () => {
      ended = this.#unsettled > 0;
      if (ended) this.#worker.terminate();
    });
    addEventListener('pageshow', () => {
      if (ended) location.reload();
    });
  }
}

/** The script's address, as the browser reports it. */
function scriptAddress(): string {
  return new URL(workerUrl, location.href).href;
}

function failed(why: string): SessionEvent {
  return {
    type: 'failed',
    error: {
      code: 'WORKER_FAILED',
      message: `The training worker failed: ${why}.`,
      hint: 'Reload the page. Training that was not saved is lost.',
    },
  };
}

function blocked({ effectiveDirective, originalPolicy }: SecurityPolicyViolationEvent): SessionEvent {
  return notStarted(
    'workerBlocked',
    'WORKER_BLOCKED',
    `The policy "${originalPolicy.slice(0, 300)}" blocks ${scriptAddress()} (${effectiveDirective}).`,
  );
}

function missing(): SessionEvent {
  return notStarted(
    'workerMissing',
    'WORKER_MISSING',
    `${scriptAddress()} was not loaded, or is not a script.`,
  );
}

function notStarted(
  reason: 'workerBlocked' | 'workerMissing',
  code: SessionErrorCode,
  message: string,
): SessionEvent {
  return { type: 'unsupported', reason, error: { code, message, hint: '' } };
}
