/** All that the commands write goes through here: a name in a file, or what a model writes, must not steer the terminal. */

export interface Screen {
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
  write(text: string): unknown;
}

/** Of categories C0 and C1, and DEL: all but line breaks and tabs. */
const CONTROL = /\r(?!\n)|[^\P{Cc}\r\n\t]/gu;

/** Control characters as `\u001b`, which is also how JSON may write them: a line of JSON stays what it is. */
export function visible(text: string): string {
  return text.replace(CONTROL, (control) => `\\u${control.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** Writes a text, or a line of JSON. */
export function show(text: string, screen: Screen = process.stdout): void {
  screen.write(visible(text));
}

/** Calls `then` after what was written to a pipe has left. */
export function flushed(then: () => void): void {
  process.stdout.write('', () => process.stderr.write('', then));
}
