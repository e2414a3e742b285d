import type { SessionErrorCode } from './errorReport.ts';
import type { SessionCommand, SessionEvent, Settled } from './protocol.ts';
import workerUrl from './worker.ts?worker&url';

/** The main thread's side of the worker. */
export class SessionClient {
  readonly #worker: Worker;
  /** Commands that the worker may still use the page's storage for. */
  #unsettled = 0;

  /**
   * Starts the worker. That its script is blocked or missing is told as `unsupported`, later.
   * @throws DOMException SecurityError where a page may not start workers at all, as in a sandboxed frame
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
      // A script that runs and fails says how; one that never ran has nothing to say.
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
   * Browsers may keep a page that was left, to show it again on Back, and freeze its worker as it is. One that had just
   * taken the storage's lock would keep every other page waiting for it: browsers do not keep a page whose worker has a lock,
   * but Firefox decides that before `pagehide`. So a worker that may use the storage ends, and Back loads the page anew.
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
      hint: 'Reload the page. What was trained in it is lost.',
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
