/**
 * GPT-2's printable character of each byte, in the order of bytes: bytes that Latin-1 shows stand for themselves, the
 * others for the characters from U+0100 on. Source: `bytes_to_unicode` of GPT-2's encoder.
 */
export function byteCharacters(): string[] {
  let next = 0x100;
  return Array.from({ length: 256 }, (_, byte) => String.fromCodePoint(isShown(byte) ? byte : next++));
}

function isShown(byte: number): boolean {
  return (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xff && byte !== 0xad);
}
