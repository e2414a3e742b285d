/** Runs are distinguished by colour, by dash and, in every legend and readout, by name. */
export const COLORS = 6;
const DASHES = [undefined, '7 4', '2 3', '10 3 2 3', '14 4', '5 2 1 2 1 2'] as const;

export function runColor(index: number): string {
  return `var(--series-${index % COLORS})`;
}

export function runDash(index: number): string | undefined {
  return DASHES[index % DASHES.length];
}
