/** Steps, the last of the run, that have the wider operands of `heal`. */
export function healingSteps({ steps, heal }: { readonly steps: number; readonly heal: number }): number {
  return Math.round(heal * steps);
}
