/** Runs a command: exit codes, error messages on standard error, closed pipes. */
import { EngineError } from '../engine/index.ts';
import { flushed, show } from './terminal.ts';

export const EXIT_FAILURE = 1;
const EXIT_USAGE = 2;

/** Called when the reader of a pipe, such as `head`, has closed it. */
let readerGone: () => void = () => process.exit(0);

/** @param stop ends the work instead of the process, so that results are kept: at Ctrl-C `tee` ends too, and first */
export function onReaderGone(stop: () => void): void {
  readerGone = stop;
}

/** Runs a command with the process's arguments and ends the process. @param main resolves with the exit code */
export function runCommand(main: (args: readonly string[]) => Promise<number>): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error;
      readerGone();
    });
  }
  main(process.argv.slice(2)).then(exit, (error: unknown) => exit(reportFailure(error)));
}

function reportFailure(error: unknown): number {
  if (error instanceof EngineError) {
    show(`error: ${error.message}\n${error.hint}\n`, process.stderr);
    return error.isUsage ? EXIT_USAGE : EXIT_FAILURE;
  }
  const details = error instanceof Error ? error.stack : String(error);
  show(`error: this is a bug in Halfstep; please report it.\n${details}\n`, process.stderr);
  return EXIT_FAILURE;
}

/** Ends the process after all output has been written, although Dawn's threads are still running. */
function exit(code: number): void {
  flushed(() => process.exit(code));
}
