import type { EventEmitter } from 'node:events';

/** npm passes a Ctrl-C on to a process that the terminal has already told: both arrive within milliseconds. */
const SAME_INTERRUPT_MS = 500;

/**
 * Calls `stop` at the first SIGINT or SIGTERM and `kill` at a later one.
 * @param signals the process, or a stand-in for it
 */
export function onInterrupt(
  signals: Pick<EventEmitter, 'on'>,
  { stop, kill }: { stop: () => void; kill: () => void },
  now: () => number = () => performance.now(),
): void {
  let first: number | undefined;
  const interrupt = () => {
    if (first === undefined) {
      first = now();
      stop();
    } else if (now() - first >= SAME_INTERRUPT_MS) {
      kill();
    }
  };
  signals.on('SIGINT', interrupt);
  signals.on('SIGTERM', interrupt);
}
