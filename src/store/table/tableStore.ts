/** The article's table: what the visitor chose for it, how far it is, and the newest one, which outlives the visit. */
import { create } from 'zustand';
import type { TablePlan, TablePreset } from '../../engine/index.ts';
import { recall, remember } from '../preferences.ts';
import type { Problem } from '../settings.ts';
import { readTable, type TableRecord, tableText } from './record.ts';

export type TablePhase =
  | { readonly name: 'idle' }
  /** A few steps of the preset are timed. */
  | { readonly name: 'measuring'; readonly preset: TablePreset }
  | { readonly name: 'training'; readonly plan: TablePlan };

interface TableState {
  readonly phase: TablePhase;
  /** The preset to train; null for the largest whose table takes less than five minutes. */
  readonly preset: TablePreset | null;
  readonly table: TableRecord | null;
  /** Why it could not be made, or ended early. */
  readonly problem: Problem | null;
}

const PREFERENCE = 'table';

export const useTable = create<TableState>()(() => ({
  phase: { name: 'idle' },
  preset: null,
  table: readTable(recall(PREFERENCE)),
  problem: null,
}));

export function keepTable(table: TableRecord): void {
  useTable.setState({ table });
  remember(PREFERENCE, tableText(table));
}

/** @param preset null for the largest whose table takes less than five minutes */
export function choosePreset(preset: TablePreset | null): void {
  useTable.setState({ preset });
}
