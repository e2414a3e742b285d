import type { SessionErrorCode } from './errorReport.ts';
import type { SessionCommand, SessionEvent } from './protocol.ts';
import workerUrl from './worker.ts?worker&url';

/** The main thread's side of the worker. */
export class SessionClient {
  readonly #worker: Worker;

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
    this.#worker.addEventListener('message', (message: MessageEvent<SessionEvent>) => onEvent(message.data));
    this.#worker.addEventListener('error', (event) => {
      // A script that runs and fails says how; one that never ran has nothing to say.
      if (event instanceof ErrorEvent) onEvent(failed(event.message));
      else if (!refused) onEvent(missing());
    });
    this.#worker.addEventListener('messageerror', () => onEvent(failed('a message could not be read')));
  }

  send(command: SessionCommand): void {
    this.#worker.postMessage(command);
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
