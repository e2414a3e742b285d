/** Null for what is not finite: JSON has no word for it. */
export function finite(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}
