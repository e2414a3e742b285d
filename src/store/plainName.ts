/**
 * Controls, and marks that turn the direction of what follows: in a sentence of the page they would turn its own words round.
 * Letters that are written from right to left need none of them.
 */
const TURNING = /[\p{Cc}\p{Zl}\p{Zp}\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069]+/gu;

/** A name as it is shown. */
export function plainName(name: string): string {
  return name.replace(TURNING, '');
}

/** The same file under its {@link plainName}. Nothing of it is read. */
export function plainlyNamed(file: File): File {
  const name = plainName(file.name);
  return name === file.name ? file : new File([file], name, { type: file.type });
}
