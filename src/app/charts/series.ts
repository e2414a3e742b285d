/** How runs are told apart: by colour, by dash and, in every legend and hover, by name. */
const COLORS = [
  'var(--series-0)',
  'var(--series-1)',
  'var(--series-2)',
  'var(--series-3)',
  'var(--series-4)',
  'var(--series-5)',
] as const;
const DASHES = [undefined, '7 4', '2 3', '10 3 2 3', '4 2', '12 6'] as const;

export function runColor(index: number): string {
  return COLORS[index % COLORS.length]!;
}

export function runDash(index: number): string | undefined {
  return DASHES[index % DASHES.length];
}
