/** Records the steps from which a run was computed under other conditions, so that its numbers may differ. */
import * as v from 'valibot';
import { microBatchesPerStep, microBatchOf, type TrainConfig } from '../config/trainConfig.ts';
import type { AdapterReport } from '../gpu/device.ts';
import { NOT_USED } from '../gpu/subgroupMatrix.ts';
import { FIRST_ATTENTION, type RecordedKernels } from '../kernels/kernelChoice.ts';
import { recipeOf } from '../precision/recipes.ts';

/** Later changes are not recorded, because the numbers may differ from the first change on anyway. */
const MAX_CHANGES = 1000;
/** A message lists the changes of this many steps, the newest ones. */
const MAX_LISTED = 3;

const words = v.pipe(v.string(), v.maxLength(3000));

export interface RunChange {
  /** The first step under the new conditions. */
  readonly step: number;
  readonly what: 'adapter' | 'kernels' | 'microBatch' | 'steps' | 'mode';
  readonly from: string;
  readonly to: string;
}

const runChange = v.object({
  step: v.pipe(v.number(), v.integer(), v.minValue(1)),
  what: v.picklist(['adapter', 'kernels', 'microBatch', 'steps', 'mode']),
  from: words,
  to: words,
});

/** The schema of changes in run files and records. @internal */
export const runChanges: v.GenericSchema<RunChange[]> = v.pipe(v.array(runChange), v.maxLength(MAX_CHANGES));

/** The conditions that affect the bits of a step and may change when a run is resumed. */
export interface RunConditions {
  readonly adapter: string;
  readonly kernels: RecordedKernels;
  readonly config: Pick<
    TrainConfig,
    | 'batch'
    | 'accumulation'
    | 'microBatch'
    | 'steps'
    | 'learningRate'
    | 'minLearningRate'
    | 'lrSchedule'
    | 'precision'
  >;
  /** The revision of the precision mode; absent for the first. */
  readonly modeRevision?: number;
}

/** The conditions of a saved run, with the changes up to then. */
export type RecordedConditions = RunConditions & { readonly changes: readonly RunChange[] };

export function conditionsOf({
  report,
  kernels,
  config,
}: Pick<RunConditions, 'kernels' | 'config'> & { readonly report: AdapterReport }): RunConditions {
  const { revision } = recipeOf(config.precision);
  return { adapter: report.name, kernels, config, ...(revision > 1 && { modeRevision: revision }) };
}

/** @param step the first step under the conditions `now` */
export function changesBetween(before: RunConditions, now: RunConditions, step: number): RunChange[] {
  const [was, is] = [inWords(before), inWords(now)];
  const hasEnded = now.config.steps < step;
  return runChange.entries.what.options
    .filter((what) => was[what] !== is[what] && !(what === 'steps' && hasEnded))
    .map((what) => ({ step, what, from: was[what], to: is[what] }));
}

/** Appends the changes that resuming a run brings. @param step the first step under the conditions `now` */
export function changesOnResume(before: RecordedConditions, now: RunConditions, step: number): RunChange[] {
  return [...before.changes, ...changesBetween(before, now, step)].slice(0, MAX_CHANGES);
}

/** Describes the conditions. Descriptions are equal if and only if the bits of a step are. */
function inWords({
  adapter,
  kernels,
  config,
  modeRevision = 1,
}: RunConditions): Record<RunChange['what'], string> {
  const { matmul, attention = FIRST_ATTENTION, subgroupMatrix } = kernels;
  const families = attention === FIRST_ATTENTION ? matmul : `${matmul}, attention ${attention}`;
  const { steps, learningRate, minLearningRate, lrSchedule } = config;
  const usesMatrices = subgroupMatrix !== undefined && !subgroupMatrix.startsWith(NOT_USED);
  return {
    adapter,
    kernels: usesMatrices ? `${families} and matrix units ${subgroupMatrix}` : families,
    microBatch: `${microBatchesPerStep(config)} of ${microBatchOf(config)}`,
    // A constant learning rate does not depend on the number of steps.
    steps: learningRate > minLearningRate && lrSchedule !== 'constant' ? `${steps}` : 'any',
    mode: `${config.precision} revision ${modeRevision}`,
  };
}

const NAMES: Readonly<Record<RunChange['what'], string>> = {
  adapter: 'another adapter',
  kernels: 'other kernels',
  microBatch: 'other micro-batches',
  steps: 'another total number of steps',
  mode: 'a precision mode that rounds differently',
};

/** One sentence for each step with changes, of which only the newest are listed. */
export function changesText(changes: readonly RunChange[]): string {
  const steps = [...new Set(changes.map(({ step }) => step))];
  const listed = steps.slice(-MAX_LISTED);
  const sentences = listed.map((at) => {
    const parts = changes
      .filter(({ step }) => step === at)
      .map(({ what, from, to }) => `${NAMES[what]} (${to} instead of ${from})`);
    return `From step ${at} on: ${parts.join(', ')}.`;
  });
  const omitted =
    steps.length > listed.length ? `Earlier changes, the first at step ${steps[0]}, are not listed. ` : '';
  return `${omitted}${sentences.join(' ')}`;
}

/** One sentence on what the changes mean for the run's numbers. */
export function changesEffect(changes: readonly RunChange[]): string {
  if (changes.some(({ what }) => what === 'mode')) {
    return 'Losses differ from those of a run that used one revision of the mode from its first step on.';
  }
  return changes.some(({ what }) => what === 'steps')
    ? 'The learning rate follows another schedule from there on, so losses differ from those of an uninterrupted run.'
    : 'Losses may differ in their last bits from those of an uninterrupted run.';
}
