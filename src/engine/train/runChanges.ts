/** From which steps on a run was computed by something else than before, so that its last bits may be others. */
import * as v from 'valibot';
import type { RecordedKernels } from '../kernelChoice.ts';
import { NOT_USED } from '../kernels/subgroupMatrix.ts';
import type { TrainConfig } from './config.ts';
import type { Trainer } from './trainer.ts';

/** More are not kept: the bits may differ from the first on. */
const MAX_CHANGES = 1000;
/** Steps with changes that are told in full: the newest. */
const MOST_TOLD = 3;

const words = v.pipe(v.string(), v.maxLength(3000));

const runChange = v.object({
  /** The first step that was computed by what it changed to. */
  step: v.pipe(v.number(), v.integer(), v.minValue(1)),
  what: v.picklist(['adapter', 'kernels', 'microBatch']),
  from: words,
  to: words,
});

/** As files and records have them. */
export const runChanges = v.pipe(v.array(runChange), v.maxLength(MAX_CHANGES));

export type RunChange = Readonly<v.InferOutput<typeof runChange>>;

/** On which the last bits of a step depend, apart from what the run is. */
export interface ComputedBy {
  readonly adapter: string;
  readonly kernels: RecordedKernels;
  readonly config: Pick<TrainConfig, 'batch' | 'accumulation'>;
}

export function computedBy({
  report,
  kernels,
  config,
}: Pick<Trainer, 'report' | 'kernels' | 'config'>): ComputedBy {
  return { adapter: report.name, kernels, config };
}

/** @param step the first that `now` computes */
export function changesBetween(before: ComputedBy, now: ComputedBy, step: number): RunChange[] {
  const [was, is] = [inWords(before), inWords(now)];
  return runChange.entries.what.options.flatMap((what) =>
    was[what] === is[what] ? [] : [{ step, what, from: was[what], to: is[what] }],
  );
}

/** Those of a saved run, and those that come with going on with it. @param step the first that `now` computes */
export function changesOnResume(
  saved: ComputedBy & { readonly changes: readonly RunChange[] },
  now: ComputedBy,
  step: number,
): RunChange[] {
  return [...saved.changes, ...changesBetween(saved, now, step)].slice(0, MAX_CHANGES);
}

/** Alike where the bits are. */
function inWords({ adapter, kernels, config }: ComputedBy): Record<RunChange['what'], string> {
  const { matmul, subgroupMatrix } = kernels;
  const usesMatrices = subgroupMatrix !== undefined && !subgroupMatrix.startsWith(NOT_USED);
  return {
    adapter,
    kernels: usesMatrices ? `${matmul} and matrix units ${subgroupMatrix}` : matmul,
    microBatch: `${config.accumulation} of ${config.batch}`,
  };
}

const NAMES: Readonly<Record<RunChange['what'], string>> = {
  adapter: 'another adapter',
  kernels: 'other kernels',
  microBatch: 'other micro-batches',
};

/** A sentence for each step with changes, the newest of them where there are many. */
export function changesText(changes: readonly RunChange[]): string {
  const steps = [...new Set(changes.map(({ step }) => step))];
  const told = steps.slice(-MOST_TOLD);
  const sentences = told.map((at) => {
    const parts = changes
      .filter(({ step }) => step === at)
      .map(({ what, from, to }) => `${NAMES[what]} (${to} in place of ${from})`);
    return `From step ${at} on: ${parts.join(', ')}.`;
  });
  const untold =
    steps.length > told.length ? `Earlier changes, the first at step ${steps[0]}, are left out. ` : '';
  return `${untold}${sentences.join(' ')}`;
}

export const CHANGED_BITS = 'Losses may differ in their last bits from those of an undisturbed run.';
