const known = new WeakMap<object, number>();

/** Bytes of the values in a bundle, and about as many in the database. */
export function bytesOf(values: readonly unknown[]): number {
  return values.reduce<number>((sum, value) => sum + bytesOfOne(value), 0);
}

function bytesOfOne(value: unknown): number {
  if (typeof value !== 'object' || value === null) return String(value).length;
  let bytes = known.get(value);
  if (bytes === undefined) {
    bytes = jsonLength(value);
    known.set(value, bytes);
  }
  return bytes;
}

/** A damaged entry may not be representable in JSON: it counts as 0 bytes. */
function jsonLength(value: object): number {
  try {
    return JSON.stringify(value).length;
  } catch {
    return 0;
  }
}
