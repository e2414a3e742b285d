/**
 * 64-bit checksum of integers below 2^32, as 16 hex digits. It is not cryptographic: Web Crypto is asynchronous and
 * missing on pages without HTTPS. Changing a single number always changes the result, because every step of a lane is
 * a bijection.
 * @param lists hashed as if they were concatenated
 */
export function checksum(...lists: readonly ArrayLike<number>[]): string {
  const sum = new Checksum();
  for (const list of lists) sum.add(list);
  return sum.hex();
}

/** The same checksum for numbers that arrive in pieces. */
export class Checksum {
  #low = 0x811c9dc5;
  #high = 0x41c6ce57;

  add(list: ArrayLike<number>): void {
    let low = this.#low;
    let high = this.#high;
    for (let i = 0; i < list.length; i++) {
      const word = list[i]!;
      low = rotate(Math.imul(low ^ word, 0x9e3779b1), 13);
      high = rotate(Math.imul(high ^ word, 0x5f356495), 19);
    }
    this.#low = low;
    this.#high = high;
  }

  hex(): string {
    return hex(avalanche(this.#high)) + hex(avalanche(this.#low));
  }
}

/** Without the rotation the high bits of a number would never reach the low bits of a lane. */
function rotate(value: number, by: number): number {
  return (value << by) | (value >>> (32 - by));
}

function avalanche(value: number): number {
  const mixed = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  return (mixed ^ (mixed >>> 13)) >>> 0;
}

function hex(value: number): string {
  return value.toString(16).padStart(8, '0');
}
