/**
 * Stored sweeps: one entry for a sweep's plan and one for each of its cells, so that a finished cell is one small
 * write.
 */
import * as v from 'valibot';
import {
  currentCell,
  currentFields,
  currentGrid,
  type Overrides,
  PRESET_NAMES,
  type SweepCell,
  type SweepGrid,
  sortedCells,
  sweepCellSchema,
  sweepGridSchema,
  sweepSettingsSchema,
} from '../../engine/index.ts';
import type { Stored } from '../history/storage.ts';
import { TEXT_CHOICES } from '../settings.ts';

const VERSION = 1;

const planEntry = v.object({
  version: v.literal(VERSION),
  kind: v.literal('plan'),
  id: v.string(),
  /** When it was started, in milliseconds since 1970. */
  time: v.number(),
  preset: v.picklist(PRESET_NAMES),
  /** The visitor's other settings; the engine validates them. */
  given: v.pipe(
    v.record(v.string(), v.union([v.string(), v.number(), v.boolean(), v.null()])),
    v.transform((given) => currentFields(given) as Overrides),
  ),
  text: v.picklist(TEXT_CHOICES),
  grid: v.pipe(sweepGridSchema, v.transform<v.InferOutput<typeof sweepGridSchema>, SweepGrid>(currentGrid)),
  /** The settings when the first cell started; null before. */
  settings: v.nullable(v.pipe(sweepSettingsSchema, v.transform(currentFields))),
});

const cellEntry = v.object({
  version: v.literal(VERSION),
  kind: v.literal('cell'),
  sweep: v.string(),
  cell: v.pipe(sweepCellSchema, v.transform(currentCell)),
});

type PlanEntry = v.InferOutput<typeof planEntry>;
export interface SweepPlan extends Omit<PlanEntry, 'version' | 'kind' | 'grid'> {
  readonly grid: SweepGrid;
}

/** A sweep with its finished cells. */
export interface KeptSweep extends SweepPlan {
  readonly cells: readonly SweepCell[];
}

export function planStored(plan: SweepPlan): Stored {
  const { id, time, preset, given, text, grid, settings } = plan;
  return { id, value: { version: VERSION, kind: 'plan', id, time, preset, given, text, grid, settings } };
}

export function cellStored(sweep: string, cell: SweepCell): Stored {
  return { id: cellId(sweep, cell), value: { version: VERSION, kind: 'cell', sweep, cell } };
}

function cellId(sweep: string, { mode, learningRate, seed }: SweepCell): string {
  return `${sweep}/${mode}/${learningRate}/${seed}`;
}

/**
 * Whether the entry with this id is the sweep's plan or one of its cells, whatever names its modes had when it was
 * stored.
 */
export function isEntryOf(sweep: string, id: string): boolean {
  return id === sweep || id.startsWith(`${sweep}/`);
}

/** Sweeps from their entries, newest first, and how many entries this version of the page cannot read. */
export function sweepsOf(entries: readonly Stored[]): { sweeps: KeptSweep[]; unreadable: number } {
  const plans: SweepPlan[] = [];
  const cells = new Map<string, SweepCell[]>();
  let unreadable = 0;
  for (const { value } of entries) {
    const plan = v.safeParse(planEntry, value);
    const cell = plan.success ? null : v.safeParse(cellEntry, value);
    if (plan.success) plans.push(plan.output);
    else if (cell?.success) {
      const { sweep } = cell.output;
      cells.set(sweep, [...(cells.get(sweep) ?? []), cell.output.cell]);
    } else unreadable += 1;
  }
  const sweeps = plans.map(({ id, time, preset, given, text, grid, settings }) => {
    return { id, time, preset, given, text, grid, settings, cells: sortedCells(grid, cells.get(id) ?? []) };
  });
  return { sweeps: sweeps.sort((a, b) => b.time - a.time), unreadable };
}
