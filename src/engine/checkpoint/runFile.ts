/**
 * One run in one safetensors file: master weights under GPT-2's names, the optimizer's states, the step's state, and in
 * `__metadata__` everything else that a run on the same adapter needs to go on bit by bit.
 */
import * as v from 'valibot';
import { presetOf } from '../config/presets.ts';
import { currentFields } from '../config/renamed.ts';
import { checkConfig, type TrainConfig } from '../config/trainConfig.ts';
import { EngineError } from '../core/errors.ts';
import { HALFSTEP_VERSION } from '../core/version.ts';
import type { TextId } from '../data/builtins.ts';
import type { Dataset } from '../data/dataset.ts';
import type { TokenizerJson } from '../data/tokenizer.ts';
import { readTokenizerJson } from '../data/tokenizerJson.ts';
import type { AdapterReport } from '../gpu/device.ts';
import { MATMUL_KERNELS } from '../gpu/operation.ts';
import type { ElementType } from '../gpu/tensor.ts';
import type { RecordedKernels } from '../kernels/kernelChoice.ts';
import { readStepState } from '../kernels/stepState.ts';
import { entryBytes, type StateEntry } from '../model/runState.ts';
import { customRecipeJson } from '../precision/customModes.ts';
import type { HalfStorage } from '../precision/formats.ts';
import type { PrecisionMode } from '../precision/recipes.ts';
import type { Dtype } from './dtypes.ts';
import type { RandomAccess } from './randomAccess.ts';
import { type RunChange, runChanges } from './runChanges.ts';
import { openSafetensors, type SafetensorsFile, tensorPieces, writeSafetensors } from './safetensors.ts';
import type { Snapshot } from './snapshot.ts';

/** Raised when a file of the old form can no longer be read as one of the new. */
const RUN_FILE_VERSION = 1;

/** What a saved run was made of, apart from its tensors. */
export interface RunDescription {
  readonly config: TrainConfig;
  /** Of a precision mode that the program defined: its recipe, as `customRecipeJson`. */
  readonly recipe?: string;
  /** How halves were held; null where the mode has none. Both have the same bytes. */
  readonly storage: HalfStorage | null;
  /** What was chosen for the adapter. */
  readonly kernels: RecordedKernels;
  readonly adapter: string;
  /** From where on its numbers may differ from those of an undisturbed run: nowhere, for most. */
  readonly changes: readonly RunChange[];
  readonly text: {
    readonly name: string;
    /** Of the text's bytes: another text gives other batches. */
    readonly checksum: string;
    /** Of its tokens where they are pieces of words; null for others, and in files that were written before this was saved. */
    readonly tokens: string | null;
    /** Where it is one of the built-in texts. */
    readonly builtin: TextId | null;
  };
  readonly tokenizer: TokenizerJson;
  readonly firstLoss: number | null;
  /** Milliseconds since 1970. */
  readonly savedAt: number;
}

/** Where the run stood, for people and other programs: the tensor `step_state` is what resuming reads. */
export interface RunProgress {
  readonly attempted: number;
  readonly applied: number;
  readonly skipped: number;
  readonly lossScale: number;
  readonly growthTracker: number;
  /** The next of the batches that steps are made of; windows and random numbers are functions of it and the seed. */
  readonly nextMicroBatch: number;
}

export interface RunFile {
  readonly file: SafetensorsFile;
  readonly description: RunDescription;
  readonly progress: RunProgress;
}

/** Key in `__metadata__` under which the description lies, as JSON. */
const RUN_KEY = 'halfstep';

const DTYPES: Readonly<Partial<Record<ElementType, Dtype>>> = {
  f32: 'F32',
  tf32: 'F32',
  f16: 'F16',
  'f16-flush': 'F16',
  bf16: 'BF16',
  e4m3fn: 'F8_E4M3',
  e5m2: 'F8_E5M2',
  u32: 'U32',
};

/** How an entry's numbers are called in the file. */
function dtypeOf({ name, type }: StateEntry): Dtype {
  const dtype = DTYPES[type];
  if (!dtype) throw new RangeError(`${name} is in ${type}, which no file can hold`);
  return dtype;
}

/** A run that can be described: a trainer. */
export interface DescribedRun
  extends Pick<RunDescription, 'config' | 'storage' | 'kernels' | 'changes' | 'firstLoss'> {
  readonly dataset: Dataset;
  readonly report: AdapterReport;
}

/** What a run is, now. @param builtin where its text is one of the built-in texts */
export function describeRun(run: DescribedRun, builtin: TextId | null): RunDescription {
  const { config, dataset, report, storage, kernels, changes, firstLoss } = run;
  const recipe = customRecipeJson(config.precision);
  return {
    config,
    ...(recipe !== null && { recipe }),
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
 * The file, piece by piece. The snapshot must not be released before the end.
 * @param more entries of `__metadata__` that resuming does not need
 */
export function writeRun(
  snapshot: Snapshot,
  description: RunDescription,
  more: Readonly<Record<string, string>> = {},
): AsyncGenerator<Uint8Array> {
  const { entries, bytesOf } = snapshot;
  const state = entries.find(({ name }) => name === 'step_state')!;
  const progress = progressOf(bytesOf(state)[0]!, description.config.accumulation);
  const metadata = {
    ...more,
    format: 'pt',
    [RUN_KEY]: JSON.stringify({
      version: RUN_FILE_VERSION,
      program: HALFSTEP_VERSION,
      ...description,
      progress,
    }),
  };
  const tensors = entries.map((entry) => ({
    name: entry.name,
    dtype: dtypeOf(entry),
    shape: entry.shape,
    pieces: () => bytesOf(entry),
  }));
  return writeSafetensors(tensors, metadata);
}

function progressOf(bytes: Uint8Array, accumulation: number): RunProgress {
  const { attempted, applied, skipped, lossScale, growthTracker } = readStepState(bytes.slice().buffer);
  const nextMicroBatch = attempted * accumulation;
  return { attempted, applied, skipped, lossScale, growthTracker, nextMicroBatch };
}

const text = (most: number) => v.pipe(v.string(), v.maxLength(most));
const count = v.pipe(v.number(), v.integer(), v.minValue(0));

const descriptionSchema = v.object({
  config: v.record(text(100), v.union([text(200), v.pipe(v.number(), v.finite()), v.boolean(), v.null()])),
  recipe: v.exactOptional(text(4000)),
  storage: v.nullable(v.picklist(['native', 'packed'])),
  kernels: v.object({ matmul: v.picklist(MATMUL_KERNELS), subgroupMatrix: v.exactOptional(text(2000)) }),
  adapter: text(1000),
  changes: v.optional(runChanges, []),
  text: v.object({
    name: text(1000),
    checksum: text(100),
    tokens: v.optional(v.nullable(text(100)), null),
    builtin: v.nullable(text(100)),
  }),
  /** Nothing nested: what is in it is for `readTokenizerJson` to say. */
  tokenizer: v.object({
    kind: text(100),
    characters: v.optional(v.string()),
    pairs: v.optional(v.array(v.number())),
    endOfText: v.optional(v.boolean()),
  }),
  firstLoss: v.nullable(v.number()),
  savedAt: v.pipe(v.number(), v.integer()),
  progress: v.object({
    attempted: count,
    applied: count,
    skipped: count,
    lossScale: v.number(),
    growthTracker: count,
    nextMicroBatch: count,
  }),
});

/**
 * Whether a safetensors file was meant as a run, of whatever version.
 * @throws EngineError BAD_FILE when it is damaged
 */
export async function isRun(source: RandomAccess): Promise<boolean> {
  return isRunFile(await openSafetensors(source));
}

/** The same of a file that is open. */
export function isRunFile({ metadata }: SafetensorsFile): boolean {
  return metadata.has(RUN_KEY);
}

/** The version of Halfstep that wrote a run, whether or not this one can read it; null where the file does not say. */
export async function writerOf(source: RandomAccess): Promise<string | null> {
  try {
    return programIn(JSON.parse((await openSafetensors(source)).metadata.get(RUN_KEY) ?? 'null'));
  } catch {
    return null;
  }
}

function programIn(content: unknown): string | null {
  const parsed = v.safeParse(v.object({ program: text(40) }), content);
  return parsed.success ? parsed.output.program : null;
}

/** What to do with a run that this version cannot read. */
function writerHint(content: unknown): string {
  const writer = programIn(content);
  return writer === null || writer === HALFSTEP_VERSION
    ? 'Resume it with the version of Halfstep that wrote it.'
    : `Halfstep ${writer} wrote it, and this is ${HALFSTEP_VERSION}: resume it with that version.`;
}

/**
 * Reads what a saved run is; no tensor is read.
 * @throws EngineError BAD_FILE when it is damaged, WRONG_RUN when it is whole but no run of this version,
 * and of a usage code when its configuration cannot be trained
 */
export async function openRun(source: RandomAccess): Promise<RunFile> {
  const file = await openSafetensors(source);
  const json = file.metadata.get(RUN_KEY);
  if (json === undefined) {
    throw new EngineError(
      'WRONG_RUN',
      `"${source.name}" is no saved run: it holds ${file.tensors.size} tensors, and its metadata lack "${RUN_KEY}".`,
      'Give a file that was written with --save. If it is a model, start a new run from its weights with --init.',
    );
  }
  const content = parse(json, source.name);
  const version = (content as { version?: unknown } | null)?.version;
  if (version !== RUN_FILE_VERSION) {
    throw new EngineError(
      'WRONG_RUN',
      `"${source.name}" is a run of format version ${JSON.stringify(version) ?? 'none'}; this program reads version ${RUN_FILE_VERSION}.`,
      writerHint(content),
    );
  }
  const parsed = v.safeParse(descriptionSchema, content);
  if (!parsed.success) {
    const [issue] = parsed.issues;
    throw damagedRun(source.name, `${v.getDotPath(issue) ?? 'metadata'}: ${issue.message.slice(0, 200)}`);
  }
  const { progress, ...description } = parsed.output;
  const config = configOf(currentFields(description.config), source.name, writerHint(content));
  checkRecipe(config.precision, description.recipe ?? null, source.name);
  const tokenizer = readTokenizerJson(JSON.stringify(description.tokenizer), source.name);
  return { file, progress, description: { ...description, config, tokenizer } as RunDescription };
}

function parse(json: string, name: string): unknown {
  try {
    return JSON.parse(json);
  } catch (cause) {
    throw damagedRun(name, `its metadata "${RUN_KEY}" is no JSON`, { cause });
  }
}

/**
 * The stored fields over the defaults of those that are newer than the file.
 * @param hint for a field that this version does not know
 */
function configOf(stored: Readonly<Record<string, unknown>>, name: string, hint: string): TrainConfig {
  const known: Readonly<Record<string, unknown>> = { ...presetOf('starter').config };
  for (const [field, value] of Object.entries(stored)) {
    if (!Object.hasOwn(known, field)) {
      throw new EngineError(
        'WRONG_RUN',
        `"${name}" sets "${field}" to ${JSON.stringify(value)}, which this program does not know.`,
        hint,
      );
    }
    const own = NULLABLE.get(field);
    const isKnown = own ? value === null || typeof value === own : typeof value === typeof known[field];
    if (!isKnown) throw damagedRun(name, `"${field}" is ${JSON.stringify(value)}`);
  }
  const config = { ...known, ...stored } as unknown as TrainConfig;
  checkConfig(config);
  return config;
}

/** @throws EngineError WRONG_RUN where the program has defined another mode of that name */
function checkRecipe(mode: PrecisionMode, saved: string | null, name: string): void {
  if (saved === customRecipeJson(mode)) return;
  throw new EngineError(
    'WRONG_RUN',
    `The run in "${name}" was trained in another mode than the one that is defined as "${mode}" here.`,
    saved === null ? 'It has no recipe: the file was changed by hand.' : `Define its own recipe: ${saved}`,
  );
}

/** What may be null, the mode's or the text's own, and what it else is. */
const NULLABLE: ReadonlyMap<string, string> = new Map([
  ['vocabulary', 'number'],
  ['microBatch', 'number'],
  ['lossScale', 'number'],
  ['growthInterval', 'number'],
  ['rounding', 'string'],
  ['amaxHistory', 'number'],
  ['amaxAlgorithm', 'string'],
  ['scaleMargin', 'number'],
]);

/**
 * The entry's bytes as they lie in the file.
 * @throws EngineError WRONG_RUN when the file has it in another shape or format, or not at all; BAD_FILE as `tensorPieces`
 */
export async function readEntry({ file }: RunFile, entry: StateEntry): Promise<Uint8Array> {
  const found = file.tensors.get(entry.name);
  const wanted = `${dtypeOf(entry)} [${entry.shape.join(', ')}]`;
  const has = found && `${found.dtype} [${found.shape.join(', ')}]`;
  if (!found || has !== wanted) {
    throw new EngineError(
      'WRONG_RUN',
      `"${file.source.name}" has ${has ?? 'no tensor'} for ${entry.name}, and the run needs ${wanted}.`,
      'Its metadata and its tensors do not belong together: take an earlier file of the same run.',
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

/** @throws EngineError WRONG_RUN when the text is not the one that the run was trained on */
export function checkFingerprint(
  { description: { text }, file }: RunFile,
  { name, checksum }: Pick<Dataset, 'name' | 'checksum'>,
): void {
  if (text.checksum === checksum) return;
  throw new EngineError(
    'WRONG_RUN',
    `The run in "${file.source.name}" was trained on "${text.name}" (fingerprint ${text.checksum}); "${name}" has ${checksum}.`,
    'Give the same text, byte for byte.',
  );
}

/** @throws EngineError WRONG_RUN when the text or what became of it is not the one that the run was trained on */
export function checkText(run: RunFile, dataset: Dataset): void {
  checkFingerprint(run, dataset);
  const { description, file } = run;
  const { tokens } = description.text;
  const { reading } = dataset;
  const wrong =
    JSON.stringify(description.tokenizer) !== JSON.stringify(dataset.tokenizer.json)
      ? `The tokenizer in "${file.source.name}" is not the one that "${dataset.name}" gives now.`
      : tokens !== null && tokens !== reading.tokens
        ? `The run in "${file.source.name}" was trained on the tokens ${tokens} of "${dataset.name}"; here they are ${reading.tokens}.`
        : tokens === null && reading.wasReadOtherwise
          ? `The run in "${file.source.name}" is of a version that cut long words, and took U+FEFF for white space and U+0085 for none: "${dataset.name}" has such words or characters, and other tokens here.`
          : null;
  if (wrong === null) return;
  throw new EngineError('WRONG_RUN', wrong, 'Resume it with the version of Halfstep that wrote it.');
}

function damagedRun(name: string, what: string, options?: ErrorOptions): EngineError {
  return new EngineError(
    'BAD_FILE',
    `"${name}" is no whole run: ${what}.`,
    'It was damaged, or changed by hand: take an earlier file of the same run.',
    options,
  );
}
