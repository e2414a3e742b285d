const WRITTEN = /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$|^2\^\d{1,3}$/i;

/** In digits with a decimal point, or as a power of two: `3e-4`, `2^16`. Null for what is no number. */
export function writtenNumber(text: string): number | null {
  if (!WRITTEN.test(text)) return null;
  const value = text.startsWith('2^') ? 2 ** Number(text.slice(2)) : Number(text);
  return Number.isFinite(value) ? value : null;
}
