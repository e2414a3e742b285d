import { checkVocabulary, readModel } from '../engine/checkpoint/modelFile.ts';
import { checkFingerprint, checkText, openRun, type RunFile } from '../engine/checkpoint/runFile.ts';
import type { Dataset } from '../engine/data/dataset.ts';
import { splitText } from '../engine/data/dataset.ts';
import { tokenize } from '../engine/data/tokenize.ts';
import { tokenizerOfModel } from '../engine/data/tokenizer.ts';
import { presetOf } from '../engine/model/presets.ts';
import type { TrainConfig } from '../engine/train/config.ts';
import { configure } from '../engine/train/configure.ts';
import { prepareExport } from './exportModel.ts';
import { fileSource } from './fileSource.ts';
import { fillOption, openInitialModel, overridesOfModel } from './initialModel.ts';
import type { TextChoice, TrainCommand } from './options.ts';
import type { ProgressLine } from './progress.ts';
import { resumedConfig, textOf } from './resumeRun.ts';
import { checkSavePath } from './saveRun.ts';
import { openText, showReading } from './texts.ts';

/** What is trained: what was asked for, or a saved run. */
export interface Beginning {
  readonly config: TrainConfig;
  readonly dataset: Dataset;
  readonly text: TextChoice;
  readonly resume: RunFile | undefined;
  /** Weights to start from, by parameter. */
  readonly initial: ReadonlyMap<string, Float32Array> | null;
}

/** Everything that can be wrong before the GPU is asked for anything. */
export async function beginRun(command: TrainCommand, progress: ProgressLine): Promise<Beginning> {
  const { save, resume: resumed, init, given, exportTo } = command;
  const resume = resumed ? await openRun(await fileSource(resumed.path)) : undefined;
  const model = init === null ? null : await openInitialModel(init, given);
  const config =
    resume && resumed
      ? resumedConfig(resume, resumed.given)
      : model
        ? configure(presetOf(command.preset).config, { ...given, ...overridesOfModel(model, given) })
        : command.config;
  const text = resume && !command.text ? textOf(resume.description) : command.text!;
  if (exportTo) await prepareExport(exportTo.folder);
  const stream = await openText(text);
  // A run that began with --init may have a tokenizer that its text would not give.
  const tokenizer =
    resume?.description.tokenizer ??
    (model?.tokenizer ? tokenizerOfModel(model.tokenizer, config.tokenizer) : config.tokenizer);
  const tokenized = await tokenize(stream, tokenizer, {
    onProgress: showReading(progress),
    onFingerprint: (checksum) => resume && checkFingerprint(resume, { name: stream.name, checksum }),
  });
  progress.finish();
  if (model) checkVocabulary(model, tokenized.tokenizer, fillOption(model, given));
  const dataset = splitText(tokenized, config.context);
  if (resume) checkText(resume, dataset);
  if (save) await checkSavePath(save.path, resumed?.path);
  return { config, dataset, text, resume, initial: model && (await readModel(model.shape, model.weights)) };
}
