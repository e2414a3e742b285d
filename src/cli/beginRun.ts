import {
  checkFingerprint,
  checkText,
  checkVocabulary,
  configure,
  type Dataset,
  exportedFamily,
  openPreset,
  openRun,
  type PresetName,
  presetOf,
  type RunFile,
  readModel,
  settingsOfModel,
  splitText,
  type TrainConfig,
  tokenize,
  tokenizerOfModel,
} from '../engine/index.ts';
import { prepareExport } from './exportModel.ts';
import { fileSource } from './fileSource.ts';
import { fillOption, modelNotes, openInitialModel } from './initialModel.ts';
import { finalWeightsOf, type TextChoice, type TrainCommand } from './options.ts';
import type { ProgressLine } from './progress.ts';
import { resumedConfig, textOf } from './resumeRun.ts';
import { checkSavePath } from './saveRun.ts';
import { openText, showReading } from './texts.ts';

/** Everything that training starts from: the configuration and text, and a saved run or a model file if one was given. */
export interface Beginning {
  readonly preset: PresetName;
  readonly config: TrainConfig;
  readonly dataset: Dataset;
  readonly text: TextChoice;
  readonly resume: RunFile | undefined;
  /** Initial weights by parameter; null when they are drawn from the seed or restored from the saved run. */
  readonly initial: ReadonlyMap<string, Float32Array> | null;
  /** Notes on what was assumed about the model file. */
  readonly notes: readonly string[];
}

/**
 * Makes all checks that do not need the GPU, and reads the files and the text.
 * @param adapter called only when the adapter decides the preset, after all other checks
 */
export async function beginRun(
  command: TrainCommand,
  progress: ProgressLine,
  adapter: () => Promise<{ readonly isFallback: boolean }>,
): Promise<Beginning> {
  const { save, resume: resumed, init, given, exportTo } = command;
  const resume = resumed ? await openRun(await fileSource(resumed.path)) : undefined;
  const model = init === null ? null : await openInitialModel(init, given);
  const asked =
    resume && resumed
      ? resumedConfig(resume, resumed.given)
      : (command.config ??
        configure(presetOf(command.preset).config, model ? settingsOfModel(model, given) : given));
  finalWeightsOf(command.finalWeights, asked);
  const text = resume && !command.text ? textOf(resume.description) : command.text!;
  if (exportTo) {
    exportedFamily(asked);
    await prepareExport(exportTo.folder);
  }
  const stream = await openText(text);
  // A run that started with --init may have a tokenizer that was not made for its text.
  const tokenizer =
    resume?.description.tokenizer ??
    (model?.tokenizer ? tokenizerOfModel(model.tokenizer, asked.tokenizer) : asked.tokenizer);
  const tokenized = await tokenize(stream, tokenizer, {
    onProgress: showReading(progress),
    onFingerprint: (checksum) => resume && checkFingerprint(resume, { name: stream.name, checksum }),
  });
  progress.finish();
  if (model) checkVocabulary(model, tokenized.tokenizer, fillOption(model, given));
  if (save) await checkSavePath(save.path, resumed?.path);
  const preset = command.presetOpen
    ? openPreset(await adapter(), command.preset, (smaller) => configure(smaller, given))
    : command.preset;
  const config = preset === command.preset ? asked : configure(presetOf(preset).config, given);
  const dataset = splitText(tokenized, config.context);
  if (resume) checkText(resume, dataset);
  return {
    preset,
    config,
    dataset,
    text,
    resume,
    initial: model && (await readModel(model.shape, model.weights)),
    notes: model ? modelNotes(model, given) : [],
  };
}
