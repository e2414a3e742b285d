/** What is done with a model when its run has ended, also where the run could not go on. */
import { EngineError, type StoppedItself, type Trainer } from '../engine/index.ts';
import { exportModel } from './exportModel.ts';
import type { TrainCommand } from './options.ts';
import { type Screen, show } from './terminal.ts';

export interface Ended {
  readonly trainer: Trainer;
  /** Why it could not go on. */
  readonly error: StoppedItself | null;
  /** Why its end could not be saved. */
  readonly unsaved: EngineError | null;
}

/**
 * Exports the model and has it write a sample, as asked for. What fails does not keep the rest from being done.
 * @throws EngineError the run's error with the places where its weights lie; else the first failure
 */
export async function endRun(
  { trainer, error, unsaved }: Ended,
  { save, exportTo, resume }: Pick<TrainCommand, 'save' | 'exportTo' | 'resume'>,
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
  if (exportTo) {
    const { folder, dtype } = exportTo;
    await attempt(async () => {
      await exportModel(trainer, folder, dtype);
      show(`Exported   ${folder}, weights in ${dtype}\n`, screen);
      places.push(`exported to "${folder}"`);
    });
  }
  if (trainer.config.sampleLength > 0) await attempt(async () => show(await sampleText(trainer), screen));
  const [first, ...others] = error ? [stopped(error, places, resume?.path), ...failures] : failures;
  for (const { message, hint } of others) show(`note: ${message} ${hint}\n`, process.stderr);
  if (first) throw first;
}

function stopped(
  { code, message, hint }: StoppedItself,
  places: readonly string[],
  resumed: string | undefined,
): EngineError {
  const lost = resumed === undefined ? 'The weights were not kept' : `Nothing since "${resumed}" was kept`;
  const where =
    places.length > 0
      ? `The weights are ${places.join(' and ')}.`
      : `${lost}: --save FILE or --export DIR would do that.`;
  return new EngineError(code, message, `${where} ${hint}`);
}

async function sampleText(trainer: Trainer): Promise<string> {
  const { sampleLength: length, seed } = trainer.config;
  const sample = await trainer.sample({ prompt: '', length, temperature: 0.8, topK: 0, seed });
  return `\nA sample of ${length} tokens, temperature 0.8:\n${sample.trim()}\n`;
}
