/** Opens models as they are found: folders of Hugging Face and GGUF files. */
import {
  type AdapterReport,
  blobSource,
  chosenFiles,
  completeModel,
  configOfModel as configOf,
  createTokenizer,
  EngineError,
  type ExportFormat,
  type ForwardModel,
  filesBeside,
  type InitialModel,
  loadTokenizer,
  type ModelFile,
  modelFolder,
  type OptionType,
  type Overrides,
  openForwardModel,
  openModel,
  readModel,
  type TokenizerChoice,
  type TokenizerJson,
  type TrainConfig,
  tokenizerOfFiles,
} from '../engine/index.ts';
import * as check from './checked.ts';
import { asFiles } from './files.ts';

/** A model whose weights are still in its files. */
export interface OpenedModel extends InitialModel {
  readonly tokenizer: TokenizerJson;
}

/** What no file of a model may state. */
export interface OpenModelOptions {
  /** For weights of a GPT-2 without config.json. */
  readonly heads?: number | undefined;
  /** For weights without tokenizer.json: `byte`, `gpt2` or `gpt2-eot`. */
  readonly tokenizer?: TokenizerChoice | undefined;
}

/** @internal */
export const checkOpenOptions = check.options('options', {
  heads: 'number?',
  tokenizer: 'string?',
} satisfies Record<keyof OpenModelOptions, OptionType>);

/**
 * Opens a model of GPT-2, Llama, Mistral, Qwen 2 or Qwen 3 from the files of its folder, in any order: `model.safetensors`, or
 * its shards with their index, with `config.json`, `tokenizer.json` and `generation_config.json`; or from one GGUF file. Of
 * the weights only what shows their shape is read. In Node, `openModelFolder` of `halfstep/node` takes a path.
 * @param files with their names, as an `<input type="file">` gives them; bytes become one with `new File([bytes], name)`
 * @throws EngineError BAD_FILE or WRONG_MODEL saying what is wrong with the files; BAD_VALUE naming an option that is missing
 */
export async function openModelFiles(
  files: readonly File[],
  options: OpenModelOptions = {},
): Promise<OpenedModel> {
  check.files(files, 'openModelFiles');
  checkOpenOptions(options, 'openModelFiles');
  const chosen = chosenFiles(files);
  if ('message' in chosen) throw new EngineError('BAD_FILE', chosen.message, chosen.hint);
  const { weights, ...beside } = chosen;
  return complete(await openModel(blobSource(weights.name, weights), filesBeside(beside)), options);
}

/** @internal */
export function complete(file: ModelFile, { heads, tokenizer }: OpenModelOptions): OpenedModel {
  return { ...completeModel(file, heads), tokenizer: tokenizerOfFiles(file, tokenizer) };
}

/**
 * The configuration of a model: its shape and tokenizer, in `fp32`, and the settings given. With it `openModelOfFiles`
 * predicts, and `createTrainer` trains on from {@link weightsOfModel}.
 * @throws EngineError BAD_VALUE naming a setting that contradicts the model
 */
export function configOfModel(model: OpenedModel, given: Overrides = {}): TrainConfig {
  check.model(model, 'configOfModel');
  check.overrides(given, 'configOfModel');
  return configOf(model, given);
}

/**
 * Puts a model's weights on a device, to sample and evaluate. Passes are compiled when they are first needed.
 * @param config of {@link configOfModel}, where it is not the model's own in fp32
 * @throws EngineError for configurations that the adapter cannot run; NOT_FINITE or BAD_FILE when a weight cannot be read
 */
export async function openModelOfFiles(
  device: GPUDevice,
  report: AdapterReport,
  model: OpenedModel,
  config?: TrainConfig,
): Promise<ForwardModel> {
  check.device(device, 'openModelOfFiles');
  check.report(report, 'openModelOfFiles');
  check.model(model, 'openModelOfFiles');
  if (config !== undefined) check.config(config, 'openModelOfFiles');
  await loadTokenizer(model.tokenizer);
  const valuesOf = (name: string) => model.weights.read(name);
  const tokenizer = createTokenizer(model.tokenizer);
  return openForwardModel(device, report, config ?? configOf(model), tokenizer, { valuesOf });
}

/**
 * Reads all weights, as `initialValues` of `createTrainer` takes them: (rows * columns) f32 by name. They are in memory at once.
 * @throws EngineError NOT_FINITE or BAD_FILE when a weight cannot be read
 */
export async function weightsOfModel(model: OpenedModel): Promise<(name: string) => Float32Array> {
  check.model(model, 'weightsOfModel');
  const values = await readModel(model.shape, model.weights);
  return (name) => values.get(name)!;
}

/**
 * Writes a model in another form, without a device: a folder for Hugging Face's libraries in F32, F16 or BF16, or one GGUF
 * file for llama.cpp. Weights are read one at a time.
 * @throws EngineError BAD_VALUE naming what the form cannot express; NOT_FINITE naming a weight that does not fit it
 */
export async function convertModel(model: OpenedModel, format: ExportFormat = 'F32'): Promise<File[]> {
  check.model(model, 'convertModel');
  check.exportFormat(format, 'convertModel');
  await loadTokenizer(model.tokenizer);
  const { shape, tokenizer, weights, name } = model;
  return asFiles(modelFolder(shape, tokenizer, format, (each) => weights.read(each), { from: name }));
}
