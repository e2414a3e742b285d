import type { EventEmitter } from 'node:events';

/** npm forwards a Ctrl-C that the terminal also sends to the process. Both arrive within milliseconds. */
const SAME_INTERRUPT_MS = 500;

/** Exit code that shells report for a program ended by SIGINT. */
const EXIT_INTERRUPTED = 130;

type Interrupt = 'SIGINT' | 'SIGTERM';

/**
 * Calls `stop` at the first SIGINT or SIGTERM and `kill` at a later one.
 * @param signals the process, or a replacement in tests
 */
export function onInterrupt(
  signals: Pick<EventEmitter, 'on'>,
  { stop, kill }: { stop: (signal: Interrupt) => void; kill: (signal: Interrupt) => void },
  now: () => number = () => performance.now(),
): void {
  let first: number | undefined;
  const interrupt = (signal: Interrupt) => {
    if (first === undefined) {
      first = now();
      stop(signal);
    } else if (now() - first >= SAME_INTERRUPT_MS) {
      kill(signal);
    }
  };
  signals.on('SIGINT', () => interrupt('SIGINT'));
  signals.on('SIGTERM', () => interrupt('SIGTERM'));
}

/**
 * Ends the process as if it had no handler for the signal. `process.exit` would free memory that driver threads are
 * using; Mesa's crash if they are compiling kernels.
 */
export function endBySignal(signal: Interrupt): void {
  // Windows has no signals that end a process with their own exit code.
  if (process.platform === 'win32') process.exit(EXIT_INTERRUPTED);
  process.emit('exit', EXIT_INTERRUPTED); // handlers release locks and other resources
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
}
