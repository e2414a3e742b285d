import type { StepMetrics } from '../engine/index.ts';

/**
 * Figures of a step that only some runs report. Logs, saved runs and records have a column for each; `OPTIONAL_CHARTS` has
 * its chart.
 */
export const OPTIONAL_FIGURES = ['logZ'] as const satisfies readonly (keyof StepMetrics)[];
export type OptionalFigure = (typeof OPTIONAL_FIGURES)[number];

/** What `of` makes for each of these figures, or only for those of `figures`. */
export function perFigure<T>(of: (figure: OptionalFigure) => T): Record<OptionalFigure, T>;
export function perFigure<T>(
  of: (figure: OptionalFigure) => T,
  figures: Iterable<OptionalFigure>,
): Partial<Record<OptionalFigure, T>>;
export function perFigure<T>(
  of: (figure: OptionalFigure) => T,
  figures: Iterable<OptionalFigure> = OPTIONAL_FIGURES,
): Partial<Record<OptionalFigure, T>> {
  return Object.fromEntries([...figures].map((figure) => [figure, of(figure)]));
}
