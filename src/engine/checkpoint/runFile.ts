/**
 * Saves a run in one safetensors file: master weights under GPT-2's names, optimizer states, the step state, and in
 * `__metadata__` everything else that is needed to resume it bit for bit on the same adapter. openRun.ts reads that.
 */
import type { TrainConfig } from '../config/trainConfig.ts';
import { EngineError } from '../core/errors.ts';
import { HALFSTEP_VERSION } from '../core/version.ts';
import type { TextId } from '../data/builtins.ts';
import type { Dataset } from '../data/dataset.ts';
import type { TokenizerJson } from '../data/tokenizer.ts';
import type { AdapterReport } from '../gpu/device.ts';
import type { ElementType } from '../gpu/tensor.ts';
import type { RecordedKernels } from '../kernels/kernelChoice.ts';
import { readStepState } from '../kernels/stepState.ts';
import { endsEarly, NOT_EVALUATED, readBest } from '../model/best.ts';
import { BEST_STATE, entryBytes, type StateEntry } from '../model/runState.ts';
import { customRecipeJson } from '../precision/customModes.ts';
import type { HalfStorage } from '../precision/formats.ts';
import { recipeOf } from '../precision/recipes.ts';
import type { Dtype } from './dtypes.ts';
import { RUN_KEY } from './metadataKeys.ts';
import type { RunChange } from './runChanges.ts';
import { writeTokenizer } from './runTokenizer.ts';
import { type SafetensorsFile, tensorPieces, writeSafetensors } from './safetensors.ts';
import type { Snapshot } from './snapshot.ts';

/** Incremented when old files can no longer be read. */
export const RUN_FILE_VERSION = 1;

/** Everything about a saved run apart from its tensors. */
export interface RunDescription {
  readonly config: TrainConfig;
  /** The recipe of a custom precision mode, as `customRecipeJson`. */
  readonly recipe?: string;
  /** The revision of the precision mode, as in its recipe; absent for the first. */
  readonly modeRevision?: number;
  /** Names of the parameters that are not trained; absent in files of versions that did not save them. */
  readonly frozen?: readonly string[];
  /** How f16 was stored; null in modes without f16. The bytes in the file are the same. */
  readonly storage: HalfStorage | null;
  /** The kernels that were chosen for the adapter. */
  readonly kernels: RecordedKernels;
  readonly adapter: string;
  /** The steps from which the numbers may differ from those of an uninterrupted run. Most runs have none. */
  readonly changes: readonly RunChange[];
  readonly text: {
    readonly name: string;
    /** Checksum of the text's bytes. Another text gives other batches. */
    readonly checksum: string;
    /** Checksum of byte-pair tokens; null for other tokenizers, and in files of versions that did not save it. */
    readonly tokens: string | null;
    /** The id of a built-in text; null for other texts. */
    readonly builtin: TextId | null;
  };
  readonly tokenizer: TokenizerJson;
  readonly firstLoss: number | null;
  /** Milliseconds since 1970. */
  readonly savedAt: number;
}

/** The progress of a run, for people and other programs. Resuming reads the tensor `step_state` instead. */
export interface RunProgress {
  readonly attempted: number;
  readonly applied: number;
  readonly skipped: number;
  readonly lossScale: number;
  readonly growthTracker: number;
  /** Index of the next batch. Windows and random numbers depend on it and the seed alone. */
  readonly nextMicroBatch: number;
  /** The lowest validation loss so far in nats, in runs that follow it. */
  readonly best?: { readonly step: number; readonly valLoss: number };
  /** Set where `earlyStop` has ended the run. */
  readonly endedEarly?: true;
}

export interface RunFile {
  readonly file: SafetensorsFile;
  readonly description: RunDescription;
  readonly progress: RunProgress;
}

const DTYPES: Readonly<Partial<Record<ElementType, Dtype>>> = {
  f32: 'F32',
  tf32: 'F32',
  f16: 'F16',
  'f16-flush': 'F16',
  'f16-clamp': 'F16',
  'f16-flush-clamp': 'F16',
  bf16: 'BF16',
  e4m3fn: 'F8_E4M3',
  e5m2: 'F8_E5M2',
  u32: 'U32',
};

/** The safetensors dtype of an entry. */
function dtypeOf({ name, type }: StateEntry): Dtype {
  const dtype = DTYPES[type];
  if (!dtype) throw new RangeError(`${name} is in ${type}, which safetensors does not have`);
  return dtype;
}

/** The parts of a trainer that a description needs. */
export interface DescribedRun
  extends Pick<RunDescription, 'config' | 'frozen' | 'storage' | 'kernels' | 'changes' | 'firstLoss'> {
  readonly dataset: Dataset;
  readonly report: AdapterReport;
}

/** Describes a run in its current state. @param builtin id of its text if that is a built-in one */
export function describeRun(run: DescribedRun, builtin: TextId | null): RunDescription {
  const { config, dataset, report, frozen, storage, kernels, changes, firstLoss } = run;
  const recipe = customRecipeJson(config.precision);
  const { revision } = recipeOf(config.precision);
  return {
    config,
    ...(recipe !== null && { recipe }),
    ...(revision > 1 && { modeRevision: revision }),
    ...(frozen && { frozen }),
    storage,
    kernels,
    adapter: report.name,
    changes,
    text: { name: dataset.name, checksum: dataset.checksum, tokens: dataset.reading.tokens, builtin },
    tokenizer: dataset.tokenizer.json,
    firstLoss,
    savedAt: Date.now(),
  };
}

/**
 * Returns the bytes of the file, piece by piece. The snapshot must not be released before the end.
 * @param more further entries of `__metadata__`, which resuming does not need
 */
export function writeRun(
  snapshot: Snapshot,
  description: RunDescription,
  more: Readonly<Record<string, string>> = {},
): AsyncGenerator<Uint8Array> {
  const { entries, bytesOf } = snapshot;
  const state = entries.find(({ name }) => name === 'step_state')!;
  const bestState = entries.find(({ name }) => name === BEST_STATE);
  const best = bestState ? readBest(bytesOf(bestState)[0]!.slice().buffer) : NOT_EVALUATED;
  const progress: RunProgress = {
    ...progressOf(bytesOf(state)[0]!, description.config.accumulation),
    ...(best.lowest && { best: best.lowest }),
    ...(endsEarly(description.config, best) && { endedEarly: true }),
  };
  const { described, tensors: ofTokenizer } = writeTokenizer(description.tokenizer);
  const metadata = {
    ...more,
    format: 'pt',
    [RUN_KEY]: JSON.stringify({
      version: RUN_FILE_VERSION,
      program: HALFSTEP_VERSION,
      ...description,
      tokenizer: described,
      progress,
    }),
  };
  const tensors = entries.map((entry) => ({
    name: entry.name,
    dtype: dtypeOf(entry),
    shape: entry.shape,
    pieces: () => bytesOf(entry),
  }));
  return writeSafetensors([...tensors, ...ofTokenizer], metadata);
}

function progressOf(bytes: Uint8Array, accumulation: number): RunProgress {
  const { attempted, applied, skipped, lossScale, growthTracker } = readStepState(bytes.slice().buffer);
  const nextMicroBatch = attempted * accumulation;
  return { attempted, applied, skipped, lossScale, growthTracker, nextMicroBatch };
}

/**
 * Reads the bytes of an entry.
 * @throws EngineError WRONG_RUN when the file lacks it or has it in another shape or format; BAD_FILE as `tensorPieces`
 */
export async function readEntry({ file }: RunFile, entry: StateEntry): Promise<Uint8Array> {
  const found = file.tensors.get(entry.name);
  const wanted = `${dtypeOf(entry)} [${entry.shape.join(', ')}]`;
  const has = found && `${found.dtype} [${found.shape.join(', ')}]`;
  if (!found || has !== wanted) {
    throw new EngineError(
      'WRONG_RUN',
      `"${file.source.name}" has ${has ?? 'no tensor'} for ${entry.name}; the run needs ${wanted}.`,
      'Its metadata and tensors do not match. Use an earlier file of the same run.',
    );
  }
  const bytes = new Uint8Array(entryBytes(entry));
  let at = 0;
  for await (const piece of tensorPieces(file, found)) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}

/** Whether nothing is left to train: all steps are taken, or `earlyStop` has ended the run. */
export function isComplete({
  description: { config },
  progress: { attempted, endedEarly },
}: Pick<RunFile, 'description' | 'progress'>): boolean {
  return attempted >= config.steps || endedEarly === true;
}

/** @throws EngineError WRONG_RUN when the text is not the one that the run was trained on */
export function checkFingerprint(
  { description: { text }, file }: RunFile,
  { name, checksum }: Pick<Dataset, 'name' | 'checksum'>,
): void {
  if (text.checksum === checksum) return;
  throw new EngineError(
    'WRONG_RUN',
    `The run in "${file.source.name}" was trained on "${text.name}" with checksum ${text.checksum}, but "${name}" has checksum ${checksum}.`,
    'Give the same text, byte for byte.',
  );
}

/** @throws EngineError WRONG_RUN when the text or its tokens are not those that the run was trained on */
export function checkText(run: RunFile, dataset: Dataset): void {
  checkFingerprint(run, dataset);
  const { description, file } = run;
  const { tokens } = description.text;
  const { reading } = dataset;
  const wrong =
    JSON.stringify(description.tokenizer) !== JSON.stringify(dataset.tokenizer.json)
      ? `The tokenizer in "${file.source.name}" is not the one that this version makes for "${dataset.name}".`
      : tokens !== null && tokens !== reading.tokens
        ? `The run in "${file.source.name}" was trained on tokens of "${dataset.name}" with checksum ${tokens}, but here their checksum is ${reading.tokens}.`
        : tokens === null && reading.readingChanged
          ? `The run in "${file.source.name}" is from a version that tokenized long words and the characters U+FEFF and U+0085 differently. "${dataset.name}" contains them, so this version would give it other tokens.`
          : null;
  if (wrong === null) return;
  throw new EngineError('WRONG_RUN', wrong, 'Resume it with the version of Halfstep that wrote it.');
}
