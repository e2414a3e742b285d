import {
  checkExport,
  checkFingerprint,
  checkText,
  checkVocabulary,
  configure,
  type Dataset,
  type Overrides,
  openPreset,
  openRun,
  type PresetName,
  presetOf,
  type RunFile,
  readModel,
  splitText,
  type TrainConfig,
  tokenize,
  tokenizerOfModel,
} from '../engine/index.ts';
import { prepareExport } from './exportModel.ts';
import { fileSource } from './fileSource.ts';
import {
  fillOption,
  type InitialModel,
  modelNotes,
  openInitialModel,
  overridesOfModel,
} from './initialModel.ts';
import type { TextChoice, TrainCommand } from './options.ts';
import type { ProgressLine } from './progress.ts';
import { resumedConfig, textOf } from './resumeRun.ts';
import { checkSavePath } from './saveRun.ts';
import { openText, showReading } from './texts.ts';

/** What is trained: what was asked for, or a saved run. */
export interface Beginning {
  readonly preset: PresetName;
  readonly config: TrainConfig;
  readonly dataset: Dataset;
  readonly text: TextChoice;
  readonly resume: RunFile | undefined;
  /** Weights to start from, by parameter. */
  readonly initial: ReadonlyMap<string, Float32Array> | null;
  /** What was assumed of the file that it starts from. */
  readonly notes: readonly string[];
}

/**
 * Everything that can be wrong before the GPU is asked for anything.
 * @param adapter asked only where it decides the preset, and then last
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
        configure(presetOf(command.preset).config, model ? configOf(model, given) : given));
  const text = resume && !command.text ? textOf(resume.description) : command.text!;
  if (exportTo) {
    checkExport(asked);
    await prepareExport(exportTo.folder);
  }
  const stream = await openText(text);
  // A run that began with --init may have a tokenizer that its text would not give.
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

/** What the file decides goes before what was given, and that before what it only suggests. */
function configOf(model: InitialModel, given: Overrides): Overrides {
  const { likelyTokenizer } = model;
  return {
    ...(likelyTokenizer && { tokenizer: likelyTokenizer }),
    ...given,
    ...overridesOfModel(model, given),
  };
}
