/** What every command does around its work: exit codes, messages on standard error, closed pipes. */
import { EngineError } from '../engine/errors.ts';
import { flushed, show } from './terminal.ts';

export const EXIT_FAILURE = 1;
const EXIT_USAGE = 2;

/** Runs a command with the process's arguments and ends the process. @param main resolves with the exit code */
export function runCommand(main: (args: readonly string[]) => Promise<number>): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    // The reader, such as `head`, has had enough.
    if (error.code === 'EPIPE') process.exit(0);
    throw error;
  });
  main(process.argv.slice(2)).then(exit, (error: unknown) => exit(reportFailure(error)));
}

function reportFailure(error: unknown): number {
  if (error instanceof EngineError) {
    show(`error: ${error.message}\n${error.hint}\n`, process.stderr);
    return error.isUsage ? EXIT_USAGE : EXIT_FAILURE;
  }
  const details = error instanceof Error ? error.stack : String(error);
  show(`error: this should not have happened; please report it.\n${details}\n`, process.stderr);
  return EXIT_FAILURE;
}

/** Ends although Dawn's threads are still there, after what was written to a pipe has left. */
function exit(code: number): void {
  flushed(() => process.exit(code));
}
