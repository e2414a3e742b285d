/** Exports and samples the model when a run has ended, even if its mode ended it early. */
import {
  type EarlyStop,
  EngineError,
  lowestWeights,
  type RunSummary,
  readParameters,
  type Trainer,
  type WeightsOfRun,
} from '../engine/index.ts';
import { exportModel } from './exportModel.ts';
import { sampleLine } from './jsonLines.ts';
import { finalWeightsOf, type TrainCommand } from './options.ts';
import type { FinalWeights } from './optionTable.ts';
import { type Screen, show } from './terminal.ts';

export interface Ended {
  readonly trainer: Trainer;
  readonly summary: RunSummary;
  /** Why the mode ended the run early; null when it did not. */
  readonly error: EarlyStop | null;
  /** Why the final state could not be saved; null when it could, or was not asked for. */
  readonly unsaved: EngineError | null;
}

/**
 * Exports the model and writes a sample if asked for. A failure of one does not prevent the other.
 * @throws EngineError the error of the run, with the places where its weights are stored; else the first failure
 */
export async function endRun(
  { trainer, summary, error, unsaved }: Ended,
  {
    save,
    exportTo,
    resume,
    finalWeights,
    json,
  }: Pick<TrainCommand, 'save' | 'exportTo' | 'resume' | 'finalWeights' | 'json'>,
  screen: Screen,
): Promise<void> {
  const failures: EngineError[] = [];
  const places: string[] = [];
  const attempt = async (work: () => Promise<void>): Promise<void> => {
    try {
      await work();
    } catch (cause) {
      if (!(cause instanceof EngineError)) throw cause;
      failures.push(cause);
    }
  };
  await attempt(async () => {
    if (unsaved) throw unsaved;
    if (save) places.push(`saved in "${save.path}"`);
  });
  // The final state is saved by now.
  const which = weightsAtEnd(finalWeightsOf(finalWeights, trainer.config), summary);
  if (which !== 'master') await take(trainer, which);
  if (exportTo) {
    const { folder, dtype } = exportTo;
    await attempt(async () => {
      const { valLoss, emaLoss = null, best } = summary;
      const losses = { master: valLoss, average: emaLoss, best: best?.valLoss ?? null };
      await exportModel(trainer, folder, dtype, losses[which], which);
      show(`Exported   ${folder}, ${titleOf(which, summary)} in ${dtype}\n`, screen);
      places.push(`exported to "${folder}"`);
    });
  }
  if (trainer.config.sampleLength > 0) await attempt(() => showSample(trainer, json, screen));
  const [first, ...others] = error ? [stopped(error, places, resume?.path), ...failures] : failures;
  for (const { message, hint } of others) show(`note: ${message} ${hint}\n`, process.stderr);
  if (first) throw first;
}

/** Of a run that was stopped, the last weights may be better than the best at its evaluations. */
function weightsAtEnd(asked: FinalWeights, summary: RunSummary): WeightsOfRun {
  return asked === 'averaged' ? 'average' : asked === 'best' ? lowestWeights(summary) : 'master';
}

function titleOf(which: WeightsOfRun, { best }: RunSummary): string {
  if (which === 'best') return `the weights after step ${best?.step}, with the lowest validation loss,`;
  return which === 'average' ? 'averaged weights' : 'weights';
}

/** Replaces the weights by a copy that the run keeps of them. */
async function take(trainer: Trainer, which: WeightsOfRun): Promise<void> {
  const kept = await readParameters(trainer, which);
  await trainer.setParameters((name) => kept.get(name)!);
}

function stopped(
  { code, message, hint }: EarlyStop,
  places: readonly string[],
  resumed: string | undefined,
): EngineError {
  const lost = resumed === undefined ? 'The weights were not saved' : `Nothing since "${resumed}" was saved`;
  const where =
    places.length > 0
      ? `The weights are ${places.join(' and ')}.`
      : `${lost}; use --save FILE or --export DIR to keep them.`;
  return new EngineError(code, message, `${where} ${hint}`);
}

/** Writes a sample of the model as it is now. Samples have the same random numbers, so that only the model changes. */
export async function showSample(trainer: Trainer, json: boolean, screen: Screen): Promise<void> {
  const { sampleLength: length, seed } = trainer.config;
  const sample = await trainer.sample({ prompt: '', length, temperature: 0.8, topK: 0, seed });
  show(`\nA sample of ${length} tokens, temperature 0.8:\n${sample.trim()}\n`, screen);
  if (json) show(sampleLine(trainer.submittedSteps, sample));
}
