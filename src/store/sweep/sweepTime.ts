/** How long the runs of a sweep take, from those that have ended on this device. */
import type { PlannedRun, SweepCell } from '../../engine/index.ts';
import type { KeptSweep } from './records.ts';
import type { PlannedSweep } from './sweepPlan.ts';

/**
 * Seconds that the planned runs take, at the seconds a step of the cells: those of the same mode where there are some.
 * Null where no cell has taken a step.
 */
export function secondsOf(planned: readonly PlannedRun[], cells: readonly SweepCell[]): number | null {
  const all = secondsAStep(cells);
  if (all === null) return null;
  return planned.reduce((sum, { mode, config }) => {
    const own = secondsAStep(cells.filter((cell) => cell.mode === mode));
    return sum + config.steps * (own ?? all);
  }, 0);
}

function secondsAStep(cells: readonly SweepCell[]): number | null {
  const steps = cells.reduce((sum, cell) => sum + cell.steps, 0);
  return steps === 0 ? null : cells.reduce((sum, { seconds }) => sum + seconds, 0) / steps;
}

/** The cells of sweeps that trained the same model on the same text, whatever their modes, rates, seeds and steps. */
export function similarCells(plan: PlannedSweep, sweeps: readonly KeptSweep[]): SweepCell[] {
  const sameOf = ({ preset, text, given }: PlannedSweep) =>
    JSON.stringify([preset, text, Object.entries({ ...given, steps: null }).sort()]);
  return sweeps.filter((sweep) => sameOf(sweep) === sameOf(plan)).flatMap(({ cells }) => cells);
}
