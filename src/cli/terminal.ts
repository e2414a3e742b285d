/**
 * Writes to the terminal. All output of the commands goes through here, so that names in files and generated text cannot
 * send control sequences to the terminal.
 */

export interface Screen {
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
  write(text: string): unknown;
}

/** Control characters (C0, C1 and DEL) except line breaks and tabs. */
const CONTROL = /\r(?!\n)|[^\P{Cc}\r\n\t]/gu;

/** Replaces control characters by escapes such as `\u001b`, which JSON may use too, so that JSON lines keep their meaning. */
export function visible(text: string): string {
  return text.replace(CONTROL, (control) => `\\u${control.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** Writes a text, or a line of JSON. */
export function show(text: string, screen: Screen = process.stdout): void {
  screen.write(visible(text));
}

/** Calls `then` after all output to pipes has been written. */
export function flushed(then: () => void): void {
  process.stdout.write('', () => process.stderr.write('', then));
}
