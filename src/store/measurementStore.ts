import { create } from 'zustand';
import type { DeeperLevel, LargestBatch, VariantId } from '../engine/index.ts';
import type { BenchmarkResult, ConfirmedBatch, ErrorReport, SessionEvent } from '../session/protocol.ts';
import { readNumber, typedProblem } from './typedNumber.ts';

/** The largest batch that the plan allows a mode, and the result of trying it on the GPU. */
export interface BatchSearch {
  readonly id: number;
  readonly mode: VariantId;
  readonly found: LargestBatch;
  /** What a deeper recompute level would allow, when the budget limits the batch. */
  readonly deeper: DeeperLevel | null;
  /** The batch that is being tried. */
  readonly trying: number | null;
  readonly confirmed: ConfirmedBatch | null;
  readonly error: ErrorReport | null;
  /** Whether the visitor cancelled it before its step. */
  readonly cancelled: boolean;
}

export const BUDGET_UNITS = { MiB: 2 ** 20, GiB: 2 ** 30 } as const;

/** The budget as typed. */
export interface MemoryBudget {
  readonly amount: string;
  readonly unit: keyof typeof BUDGET_UNITS;
}

interface MeasurementState {
  /** The memory budget for the largest batch; null until the visitor has entered one. */
  readonly budget: MemoryBudget | null;
  readonly benchmarking: boolean;
  readonly benchmark: BenchmarkResult | null;
  readonly benchmarkError: ErrorReport | null;
  readonly searches: readonly BatchSearch[];
  /** Cancel was pressed while the current measurement still runs. */
  readonly cancelling: boolean;
}

/** Measurements of the adapter outside a training. */
export const useMeasurements = create<MeasurementState>()(() => ({
  benchmarking: false,
  benchmark: null,
  benchmarkError: null,
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

type Measurement = Extract<SessionEvent, { type: `benchmark${string}` | `batch${string}` }>;

export function applyMeasurement(event: Measurement): void {
  if (event.type !== 'batchTried') useMeasurements.setState({ cancelling: false });
  switch (event.type) {
    case 'benchmarked':
      useMeasurements.setState({ benchmarking: false, benchmark: event.result });
      break;
    case 'benchmarkRefused':
      useMeasurements.setState({ benchmarking: false, benchmarkError: event.error });
      break;
    case 'benchmarkCancelled':
      useMeasurements.setState({ benchmarking: false });
      break;
    case 'batchCancelled':
      updateSearch(event.id, { trying: null, cancelled: true });
      break;
    case 'batchTried':
      updateSearch(event.id, { trying: event.batch });
      break;
    case 'batchConfirmed':
      updateSearch(event.id, { trying: null, confirmed: event.result });
      break;
    case 'batchRefused':
      updateSearch(event.id, { trying: null, error: event.error });
      break;
  }
}

/** Updates a search. Answers to an earlier search match no row and are dropped. */
function updateSearch(id: number, change: Partial<BatchSearch>): void {
  useMeasurements.setState(({ searches }) => ({
    searches: searches.map((search) => (search.id === id ? { ...search, ...change } : search)),
  }));
}

export function isSearching({ found, confirmed, error, cancelled }: BatchSearch): boolean {
  return found.batch > 0 && confirmed === null && error === null && !cancelled;
}
