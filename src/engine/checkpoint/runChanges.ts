/** From which steps on a run was computed by something else than before, so that its numbers may be others. */
import * as v from 'valibot';
import { microBatchesPerStep, microBatchOf, type TrainConfig } from '../config/trainConfig.ts';
import type { AdapterReport } from '../gpu/device.ts';
import { NOT_USED } from '../gpu/subgroupMatrix.ts';
import type { RecordedKernels } from '../kernels/kernelChoice.ts';

/** More are not kept: the bits may differ from the first on. */
const MAX_CHANGES = 1000;
/** Steps with changes that are told in full: the newest. */
const MOST_TOLD = 3;

const words = v.pipe(v.string(), v.maxLength(3000));

export interface RunChange {
  /** The first step that was computed by what it changed to. */
  readonly step: number;
  readonly what: 'adapter' | 'kernels' | 'microBatch' | 'steps';
  readonly from: string;
  readonly to: string;
}

const runChange = v.object({
  step: v.pipe(v.number(), v.integer(), v.minValue(1)),
  what: v.picklist(['adapter', 'kernels', 'microBatch', 'steps']),
  from: words,
  to: words,
});

/** As files and records have them. @internal */
export const runChanges: v.GenericSchema<RunChange[]> = v.pipe(v.array(runChange), v.maxLength(MAX_CHANGES));

/** What may change while a run goes on, and on which the bits of a step depend. */
export interface ComputedBy {
  readonly adapter: string;
  readonly kernels: RecordedKernels;
  readonly config: Pick<
    TrainConfig,
    'batch' | 'accumulation' | 'microBatch' | 'steps' | 'learningRate' | 'minLearningRate' | 'lrSchedule'
  >;
}

/** The same with the changes before it, as saved runs have them. */
export type ComputedSoFar = ComputedBy & { readonly changes: readonly RunChange[] };

export function computedBy({
  report,
  kernels,
  config,
}: Pick<ComputedBy, 'kernels' | 'config'> & { readonly report: AdapterReport }): ComputedBy {
  return { adapter: report.name, kernels, config };
}

/** @param step the first that `now` computes */
export function changesBetween(before: ComputedBy, now: ComputedBy, step: number): RunChange[] {
  const [was, is] = [inWords(before), inWords(now)];
  const areOver = now.config.steps < step;
  return runChange.entries.what.options
    .filter((what) => was[what] !== is[what] && !(what === 'steps' && areOver))
    .map((what) => ({ step, what, from: was[what], to: is[what] }));
}

/** Those of a run so far, and those that come with going on with it. @param step the first that `now` computes */
export function changesOnResume(before: ComputedSoFar, now: ComputedBy, step: number): RunChange[] {
  return [...before.changes, ...changesBetween(before, now, step)].slice(0, MAX_CHANGES);
}

/** Alike where the bits are. */
function inWords({ adapter, kernels, config }: ComputedBy): Record<RunChange['what'], string> {
  const { matmul, subgroupMatrix } = kernels;
  const { steps, learningRate, minLearningRate, lrSchedule } = config;
  const usesMatrices = subgroupMatrix !== undefined && !subgroupMatrix.startsWith(NOT_USED);
  return {
    adapter,
    kernels: usesMatrices ? `${matmul} and matrix units ${subgroupMatrix}` : matmul,
    microBatch: `${microBatchesPerStep(config)} of ${microBatchOf(config)}`,
    // A rate that does not decay is the same in a schedule of any length.
    steps: learningRate > minLearningRate && lrSchedule !== 'constant' ? `${steps}` : 'any',
  };
}

const NAMES: Readonly<Record<RunChange['what'], string>> = {
  adapter: 'another adapter',
  kernels: 'other kernels',
  microBatch: 'other micro-batches',
  steps: 'another number of steps in all',
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

/** What they mean for the run's numbers, in a sentence. */
export function changesEffect(changes: readonly RunChange[]): string {
  return changes.some(({ what }) => what === 'steps')
    ? 'The learning rate follows another schedule from there on, so losses differ from those of an undisturbed run.'
    : 'Losses may differ in their last bits from those of an undisturbed run.';
}
