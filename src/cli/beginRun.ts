import { checkText, openRun, type RunFile } from '../engine/checkpoint/runFile.ts';
import type { Dataset } from '../engine/data/dataset.ts';
import { splitText } from '../engine/data/dataset.ts';
import { tokenize } from '../engine/data/tokenize.ts';
import type { TrainConfig } from '../engine/train/config.ts';
import { fileSource } from './fileSource.ts';
import type { TextChoice, TrainCommand } from './options.ts';
import { resumedConfig, textOf } from './resumeRun.ts';
import { checkSavePath } from './saveRun.ts';
import { openText } from './texts.ts';

/** What is trained: what was asked for, or a saved run. */
export interface Beginning {
  readonly config: TrainConfig;
  readonly dataset: Dataset;
  readonly text: TextChoice;
  readonly resume: RunFile | undefined;
}

/** Everything that can be wrong before the GPU is asked for anything. */
export async function beginRun(command: TrainCommand): Promise<Beginning> {
  const { save, resume: resumed } = command;
  const resume = resumed ? await openRun(await fileSource(resumed.path)) : undefined;
  const config = resume && resumed ? resumedConfig(resume, resumed.given) : command.config;
  const text = resume && !command.text ? textOf(resume.description) : command.text!;
  const dataset = splitText(await tokenize(await openText(text), config.tokenizer), config.context);
  if (resume) checkText(resume, dataset);
  if (save) await checkSavePath(save.path, resumed?.path);
  return { config, dataset, text, resume };
}
