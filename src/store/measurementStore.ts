import { create } from 'zustand';
import type { DeeperLevel, LargestBatch, VariantId } from '../engine/index.ts';
import type { BenchmarkResult, ConfirmedBatch, ErrorReport, SessionEvent } from '../session/protocol.ts';
import { readNumber, typedProblem } from './typedNumber.ts';

/** What became of the step that confirms a planned batch. */
export type BatchStep =
  /** `needless`: not even one sequence fits. `cancelled`: by the visitor, before it was taken. */
  | { readonly state: 'needless' | 'waiting' | 'cancelled' }
  | { readonly state: 'trying'; readonly batch: number }
  | { readonly state: 'confirmed'; readonly result: ConfirmedBatch }
  | { readonly state: 'refused'; readonly error: ErrorReport };

/** The largest batch that the plan allows a mode, and the result of trying it on the GPU. */
export interface BatchSearch {
  readonly id: number;
  readonly mode: VariantId;
  readonly found: LargestBatch;
  /** What a deeper recompute level would allow, when the budget limits the batch. */
  readonly deeper: DeeperLevel | null;
  readonly step: BatchStep;
}

/** The newest benchmark. The result is that of the last one that reached its end. */
export type Benchmark = { readonly result: BenchmarkResult | null } & (
  | { readonly state: 'idle' | 'running'; readonly error: null }
  | { readonly state: 'refused'; readonly error: ErrorReport }
);

export const BUDGET_UNITS = { MiB: 2 ** 20, GiB: 2 ** 30 } as const;

/** The budget as typed. */
export interface MemoryBudget {
  readonly amount: string;
  readonly unit: keyof typeof BUDGET_UNITS;
}

interface MeasurementState {
  /** The memory budget for the largest batch; null until the visitor has entered one. */
  readonly budget: MemoryBudget | null;
  readonly benchmark: Benchmark;
  readonly searches: readonly BatchSearch[];
  /** Cancel was pressed while the current measurement still runs. */
  readonly cancelling: boolean;
}

/** Measurements of the adapter outside a training. */
export const useMeasurements = create<MeasurementState>()(() => ({
  benchmark: { state: 'idle', result: null, error: null },
  searches: [],
  budget: null,
  cancelling: false,
}));

/** The visitor's budget, or a default that every adapter has. */
export function budgetOr({ budget }: Pick<MeasurementState, 'budget'>, isFallback: boolean): MemoryBudget {
  return budget ?? { amount: isFallback ? '16' : '1024', unit: 'MiB' };
}

export function chooseBudget(budget: MemoryBudget): void {
  useMeasurements.setState({ budget });
}

/** Null when the typed text is not a number above 0. */
export function budgetBytes({ amount, unit }: MemoryBudget): number | null {
  const value = readNumber(amount);
  return value === null || value <= 0 ? null : value * BUDGET_UNITS[unit];
}

/** What is wrong with the typed amount; null when it is valid. */
export function budgetProblem(budget: MemoryBudget): string | null {
  if (budgetBytes(budget) !== null) return null;
  return (budget.amount.trim() && typedProblem(budget.amount)) || 'Enter a number above 0.';
}

export function benchmarkStarted(): void {
  useMeasurements.setState(({ benchmark: { result } }) => ({
    benchmark: { state: 'running', result, error: null },
  }));
}

/** Replaces the searches before. */
export function searchesStarted(searches: readonly BatchSearch[]): void {
  useMeasurements.setState({ searches });
}

/** Cancel was pressed. */
export function measuringCancelled(): void {
  useMeasurements.setState({ cancelling: true });
}

type Measurement = Extract<SessionEvent, { type: `benchmark${string}` | `batch${string}` }>;

export function applyMeasurement(event: Measurement): void {
  if (event.type !== 'batchTried') useMeasurements.setState({ cancelling: false });
  const { result } = useMeasurements.getState().benchmark;
  switch (event.type) {
    case 'benchmarked':
      useMeasurements.setState({ benchmark: { state: 'idle', result: event.result, error: null } });
      break;
    case 'benchmarkRefused':
      useMeasurements.setState({ benchmark: { state: 'refused', result, error: event.error } });
      break;
    case 'benchmarkCancelled':
      useMeasurements.setState({ benchmark: { state: 'idle', result, error: null } });
      break;
    case 'batchCancelled':
      updateSearch(event.id, { state: 'cancelled' });
      break;
    case 'batchTried':
      updateSearch(event.id, { state: 'trying', batch: event.batch });
      break;
    case 'batchConfirmed':
      updateSearch(event.id, { state: 'confirmed', result: event.result });
      break;
    case 'batchRefused':
      updateSearch(event.id, { state: 'refused', error: event.error });
      break;
  }
}

/** Updates a search. Answers to an earlier search match no row and are dropped. */
function updateSearch(id: number, step: BatchStep): void {
  useMeasurements.setState(({ searches }) => ({
    searches: searches.map((search) => (search.id === id ? { ...search, step } : search)),
  }));
}

export function isSearching({ step: { state } }: Pick<BatchSearch, 'step'>): boolean {
  return state === 'waiting' || state === 'trying';
}
