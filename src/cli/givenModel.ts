/** The model that `sample` and `evaluate` open: a model file, or the weights of a saved run. */
import {
  type AdapterReport,
  configOfModel,
  createTokenizer,
  EngineError,
  type ForwardModel,
  type ForwardModelOptions,
  inMode,
  loadTokenizer,
  type Overrides,
  openForwardModel,
  openModelOfRun,
  openRun,
  recipeFor,
  rowOf,
  sharesScales,
  type TokenizerJson,
  type TrainConfig,
  tokenizerOfFiles,
} from '../engine/index.ts';
import { fileSource } from './fileSource.ts';
import { modelNotes, openInitialModel } from './initialModel.ts';
import { overridesOf } from './options.ts';
import { type OptionSpec, OPTIONS as TRAIN_OPTIONS } from './optionTable.ts';

/** Options of the model, which both commands have. */
export const MODEL_OPTIONS: readonly OptionSpec[] = [
  {
    kind: 'file',
    name: 'init',
    help: 'the model: a folder as on Hugging Face, or its file of weights; in fp32 unless --precision is given',
  },
  { kind: 'file', name: 'resume', help: 'the model: the weights of a saved run' },
  ...TRAIN_OPTIONS.filter(
    (option) => option.kind === 'setting' && ['precision', 'heads', 'tokenizer'].includes(option.field),
  ),
];

/** A model whose weights are not on a device yet. */
export interface GivenModel {
  readonly config: TrainConfig;
  readonly tokenizer: TokenizerJson;
  /** What was assumed about the model, and how its activations are scaled. */
  readonly notes: readonly string[];
  /** Puts the weights on a device. */
  open(
    device: GPUDevice,
    report: AdapterReport,
    options?: Pick<ForwardModelOptions, 'outliers'>,
  ): Promise<ForwardModel>;
}

/**
 * Reads the description of the model, before a device is opened.
 * @throws EngineError BAD_VALUE when no model or two are given, or an option contradicts it; BAD_FILE, WRONG_MODEL, WRONG_RUN
 */
export async function openGivenModel(given: ReadonlyMap<string, string>): Promise<GivenModel> {
  const [init, resume] = [given.get('init'), given.get('resume')];
  if (init !== undefined && resume !== undefined) {
    throw new EngineError(
      'BAD_VALUE',
      `Both --init ${init} and --resume ${resume} were given.`,
      'A command has one model: leave one of them out.',
    );
  }
  if (init !== undefined) return fromFile(init, overridesOf(given));
  if (resume !== undefined) return fromRun(resume, overridesOf(given));
  throw new EngineError('BAD_VALUE', 'No model was given.', 'Add --init FILE or --resume FILE; see --help.');
}

async function fromFile(path: string, given: Overrides): Promise<GivenModel> {
  const model = await openInitialModel(path, given);
  const config = configOfModel(model, given);
  const tokenizer = tokenizerOfFiles(model, given.tokenizer);
  return described(config, tokenizer, modelNotes(model, given), async (device, report, options) => {
    await loadTokenizer(tokenizer);
    const valuesOf = (name: string) => model.weights.read(name);
    return openForwardModel(device, report, config, createTokenizer(tokenizer), {
      ...{ valuesOf, ...options },
    });
  });
}

async function fromRun(path: string, given: Overrides): Promise<GivenModel> {
  const run = await openRun(await fileSource(path));
  const { config: saved, tokenizer } = run.description;
  for (const field of ['heads', 'tokenizer'] as const) {
    if (given[field] === undefined || given[field] === saved[field]) continue;
    const { option } = rowOf(field);
    throw new EngineError(
      'WRONG_RUN',
      `--${option} is ${given[field]}, but the run in "${path}" has ${saved[field]}.`,
      `Leave --${option} out, because the run determines it.`,
    );
  }
  const config = { ...(given.precision === undefined ? saved : inMode(saved, given.precision)), ...given };
  return described(config, tokenizer, [], (device, report, options) =>
    openModelOfRun(device, report, run, config, options),
  );
}

function described(
  config: TrainConfig,
  tokenizer: TokenizerJson,
  notes: readonly string[],
  open: GivenModel['open'],
): GivenModel {
  const { precision } = config;
  const rows = sharesScales(recipeFor(config))
    ? [`Activations have a scale per row here, where training in ${precision} has one per tensor.`]
    : [];
  return { config, tokenizer, notes: [...notes, ...rows], open };
}
