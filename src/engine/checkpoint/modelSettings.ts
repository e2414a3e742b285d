/** What the files of a model decide about a run or a prediction: its settings and its tokenizer. */
import { configure, type Overrides } from '../config/configure.ts';
import { type GptConfig, hasFreeContext, usualHeads } from '../config/gptConfig.ts';
import { DEFAULT_PRESET } from '../config/openPreset.ts';
import { presetOf } from '../config/presets.ts';
import { withoutUnused } from '../config/settings/rules.ts';
import type { TrainConfig } from '../config/trainConfig.ts';
import { EngineError } from '../core/errors.ts';
import {
  choiceOf,
  choiceOfModel,
  type TokenizerChoice,
  type TokenizerJson,
  tokenizerOfModel,
} from '../data/tokenizer.ts';
import { REFERENCE_MODE } from '../precision/recipes.ts';
import type { ModelFile } from './modelFile.ts';

/** A model whose shape is complete. */
export interface InitialModel extends ModelFile {
  readonly shape: GptConfig;
}

/**
 * @param given heads to take where no file states them
 * @throws EngineError BAD_VALUE when nothing states them
 */
export function completeModel(file: ModelFile, given?: number): InitialModel {
  const { name, shape } = file;
  const heads = file.heads ?? given;
  if (heads !== undefined) return { ...file, shape: { ...shape, heads } };
  throw new EngineError(
    'BAD_VALUE',
    `"${name}" does not state its number of heads, and there is no config.json beside it.`,
    `Give heads (--heads); with GPT-2's heads of width 64, its width of ${shape.width} has ${usualHeads(shape.width)}.`,
  );
}

/** Returns the shape as settings, and the tokenizer if the file determines it. */
export function overridesOfModel({ shape, tokenizer }: InitialModel, given: Overrides): Overrides {
  const asked = given.context ?? shape.context;
  const context = hasFreeContext(shape) && asked < shape.context ? asked : shape.context;
  const decided = withoutUnused({ ...shape, context });
  if (!tokenizer) return decided;
  return { ...decided, tokenizer: choiceOfModel(choiceOf(tokenizer), given.tokenizer ?? null) };
}

/** Settings that the file determines take precedence over given ones, and those over what it only suggests. */
export function settingsOfModel(model: InitialModel, given: Overrides): Overrides {
  const { likelyTokenizer } = model;
  return {
    ...(likelyTokenizer && { tokenizer: likelyTokenizer }),
    ...given,
    ...overridesOfModel(model, given),
  };
}

/** The configuration in which a model predicts: in FP32 unless a mode is given. */
export function configOfModel(model: InitialModel, given: Overrides = {}): TrainConfig {
  const base: TrainConfig = { ...presetOf(DEFAULT_PRESET).config, precision: REFERENCE_MODE };
  return configure(base, settingsOfModel(model, given));
}

/**
 * The model's own tokenizer, or one that is known without a text.
 * @throws EngineError BAD_VALUE where neither is there
 */
export function tokenizerOfFiles(
  { name, tokenizer, likelyTokenizer }: ModelFile,
  given?: TokenizerChoice,
): TokenizerJson {
  if (tokenizer) return given ? tokenizerOfModel(tokenizer, given) : tokenizer;
  const choice = given ?? likelyTokenizer ?? undefined;
  if (choice === 'byte') return { kind: 'byte' };
  if (choice === 'gpt2') return { kind: 'gpt2' };
  if (choice === 'gpt2-eot') return { kind: 'gpt2', endOfText: true };
  const what =
    choice === undefined ? 'there is no tokenizer.json beside it' : `the tokenizer ${choice} needs its text`;
  throw new EngineError(
    'BAD_VALUE',
    `"${name}" does not contain its tokenizer, and ${what}.`,
    "Put the model's tokenizer.json there, or give the tokenizer (--tokenizer) byte, gpt2 or gpt2-eot if it was trained with one of these.",
  );
}
