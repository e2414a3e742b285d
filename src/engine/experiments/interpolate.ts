export interface CurvePoint {
  readonly x: number;
  /** Null when the value is not finite. */
  readonly y: number | null;
}

/** Interpolates a curve linearly at `x`; null outside its points and next to a point that is not finite. */
export function interpolate(points: readonly CurvePoint[], x: number): number | null {
  const after = points.findIndex((point) => point.x >= x);
  const right = points[after];
  if (!right) return null;
  if (right.x === x) return right.y;
  const left = points[after - 1];
  if (!left || left.y === null || right.y === null) return null;
  return left.y + ((right.y - left.y) * (x - left.x)) / (right.x - left.x);
}
