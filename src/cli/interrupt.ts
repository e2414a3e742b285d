import type { EventEmitter } from 'node:events';

/** npm passes a Ctrl-C on to a process that the terminal has already told: both arrive within milliseconds. */
const SAME_INTERRUPT_MS = 500;

/** What shells report for a program that SIGINT ended. */
const EXIT_INTERRUPTED = 130;

type Interrupt = 'SIGINT' | 'SIGTERM';

/**
 * Calls `stop` at the first SIGINT or SIGTERM and `kill` at a later one.
 * @param signals the process, or a stand-in for it
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
 * Ends the process as if it had no handler of the signal. `process.exit` would destroy what a driver's threads are using:
 * while they compile kernels, Mesa's crash.
 */
export function endBySignal(signal: Interrupt): void {
  // Windows has no signals that end a process with their own exit code.
  if (process.platform === 'win32') process.exit(EXIT_INTERRUPTED);
  process.emit('exit', EXIT_INTERRUPTED); // what must be given back
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
}
