/** Exports and samples the model when a run has ended, even if its mode ended it early. */
import {
  type EarlyStop,
  EngineError,
  type RunSummary,
  readParameters,
  type Trainer,
} from '../engine/index.ts';
import { exportModel } from './exportModel.ts';
import { sampleLine } from './jsonLines.ts';
import type { TrainCommand } from './options.ts';
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
  if (finalWeights === 'averaged') await takeAverages(trainer);
  const which = finalWeights === 'averaged' ? 'averaged weights' : 'weights';
  if (exportTo) {
    const { folder, dtype } = exportTo;
    await attempt(async () => {
      const { valLoss, emaLoss = null } = summary;
      await exportModel(trainer, folder, dtype, finalWeights === 'averaged' ? emaLoss : valLoss);
      show(`Exported   ${folder}, ${which} in ${dtype}\n`, screen);
      places.push(`exported to "${folder}"`);
    });
  }
  if (trainer.config.sampleLength > 0) await attempt(() => showSample(trainer, json, screen));
  const [first, ...others] = error ? [stopped(error, places, resume?.path), ...failures] : failures;
  for (const { message, hint } of others) show(`note: ${message} ${hint}\n`, process.stderr);
  if (first) throw first;
}

/** Replaces the weights by their averages. */
async function takeAverages(trainer: Trainer): Promise<void> {
  const averages = await readParameters(trainer, 'average');
  await trainer.setParameters((name) => averages.get(name)!);
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
