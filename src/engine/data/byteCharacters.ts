/**
 * Returns the printable character that GPT-2 uses for each byte, in byte order. Bytes that are printable in Latin-1 map
 * to themselves, the others to characters from U+0100 on. Source: `bytes_to_unicode` of GPT-2's encoder.
 */
export function byteCharacters(): string[] {
  let next = 0x100;
  return Array.from({ length: 256 }, (_, byte) => String.fromCodePoint(isPrintable(byte) ? byte : next++));
}

function isPrintable(byte: number): boolean {
  return (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xff && byte !== 0xad);
}
