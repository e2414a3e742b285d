/** Maps NaN and infinities to null, because JSON cannot represent them. */
export function finite(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}
