/** Opens the file of a saved run: reads and checks everything but its tensors. */
import * as v from 'valibot';
import { currentFields, DEFAULTS, FIELDS, type Field, isField } from '../config/settings/table.ts';
import { checkSetting, isOfItsType, unknownSetting } from '../config/settings/values.ts';
import { checkConfig, type TrainConfig } from '../config/trainConfig.ts';
import { EngineError } from '../core/errors.ts';
import { HALFSTEP_VERSION } from '../core/version.ts';
import { ATTENTION_KERNELS, MATMUL_KERNELS } from '../gpu/operation.ts';
import { customRecipeJson } from '../precision/customModes.ts';
import type { PrecisionMode } from '../precision/recipes.ts';
import { isGguf } from './ggufHeader.ts';
import { RUN_KEY } from './metadataKeys.ts';
import type { RandomAccess } from './randomAccess.ts';
import { runChanges } from './runChanges.ts';
import { RUN_FILE_VERSION, type RunDescription, type RunFile } from './runFile.ts';
import { readTokenizer } from './runTokenizer.ts';
import { openSafetensors, type SafetensorsFile } from './safetensors.ts';

const text = (most: number) => v.pipe(v.string(), v.maxLength(most));
const count = v.pipe(v.number(), v.integer(), v.minValue(0));

const descriptionSchema = v.object({
  config: v.record(text(100), v.union([text(200), v.pipe(v.number(), v.finite()), v.boolean(), v.null()])),
  recipe: v.exactOptional(text(4000)),
  modeRevision: v.exactOptional(v.pipe(v.number(), v.integer(), v.minValue(1))),
  frozen: v.exactOptional(v.pipe(v.array(text(1000)), v.maxLength(100_000))),
  storage: v.nullable(v.picklist(['native', 'packed'])),
  kernels: v.object({
    matmul: v.picklist(MATMUL_KERNELS),
    attention: v.exactOptional(v.picklist(ATTENTION_KERNELS)),
    subgroupMatrix: v.exactOptional(text(2000)),
    note: v.exactOptional(text(4000)),
  }),
  adapter: text(1000),
  changes: v.optional(runChanges, []),
  text: v.object({
    name: text(1000),
    checksum: text(100),
    tokens: v.optional(v.nullable(text(100)), null),
    builtin: v.nullable(text(100)),
  }),
  /** Only a rough check, because `readTokenizer` checks the details. */
  tokenizer: v.object({
    kind: text(100),
    characters: v.optional(v.string()),
    pairs: v.optional(v.array(v.number())),
    endOfText: v.optional(v.boolean()),
    end: v.optional(v.union([v.number(), v.array(v.number())])),
    bos: v.optional(v.number()),
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
    best: v.exactOptional(v.object({ step: count, valLoss: v.pipe(v.number(), v.finite()) })),
    endedEarly: v.exactOptional(v.literal(true)),
  }),
});

/**
 * Whether a file contains a run, of whatever version. A GGUF file contains a model.
 * @throws EngineError BAD_FILE when the file is damaged
 */
export async function isRun(source: RandomAccess): Promise<boolean> {
  return !(await isGguf(source)) && isRunFile(await openSafetensors(source));
}

/** The same for an open file. */
export function isRunFile({ metadata }: SafetensorsFile): boolean {
  return metadata.has(RUN_KEY);
}

/** The version of Halfstep that wrote a run, even one that this version cannot read; null when the file does not say. */
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
    : `It was written by Halfstep ${writer}, and this is ${HALFSTEP_VERSION}. Resume it with that version.`;
}

/**
 * Reads the description of a saved run, but no tensor.
 * @throws EngineError BAD_FILE when the file is damaged, WRONG_RUN when it is intact but not a run of this version, and
 * errors as `checkConfig` when its configuration cannot be trained
 */
export async function openRun(source: RandomAccess): Promise<RunFile> {
  const file = await openSafetensors(source);
  const json = file.metadata.get(RUN_KEY);
  if (json === undefined) {
    throw new EngineError(
      'WRONG_RUN',
      `"${source.name}" is not a saved run: it has ${file.tensors.size} tensors, but its metadata lack "${RUN_KEY}".`,
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
  const config = configOf(description.config, source.name, writerHint(content));
  checkRecipe(config.precision, description.recipe ?? null, source.name);
  const tokenizer = await readTokenizer(file, description.tokenizer);
  return { file, progress, description: { ...description, config, tokenizer } as RunDescription };
}

function parse(json: string, name: string): unknown {
  try {
    return JSON.parse(json);
  } catch (cause) {
    throw damagedRun(name, `its metadata "${RUN_KEY}" is not JSON`, { cause });
  }
}

/**
 * Reads the stored settings. Settings that are newer than the file get their defaults.
 * @param hint for a setting that this version does not have
 */
function configOf(stored: Readonly<Record<string, unknown>>, name: string, hint: string): TrainConfig {
  for (const [field, value] of Object.entries(currentFields(stored))) {
    if (!isField(field)) {
      const { message } = unknownSetting(field, FIELDS);
      throw new EngineError('WRONG_RUN', `"${name}" is of another version of Halfstep. ${message}`, hint);
    }
    checkStored(field, value, name);
  }
  const config = { ...DEFAULTS, ...currentFields(stored) } as TrainConfig;
  checkConfig(config);
  return config;
}

/** @throws EngineError as `checkSetting`, with the file's name; BAD_FILE where no version has written such a value */
function checkStored(field: Field, value: unknown, name: string): void {
  try {
    checkSetting(field, value);
  } catch (cause) {
    if (!(cause instanceof EngineError)) throw cause;
    const { code, message, hint } = cause;
    if (!isOfItsType(field, value)) throw damagedRun(name, message.replace(/\.$/, ''), { cause });
    throw new EngineError(code, `"${name}": ${message}`, hint, { cause });
  }
}

/** @throws EngineError WRONG_RUN when the program has defined another mode with the same name */
function checkRecipe(mode: PrecisionMode, saved: string | null, name: string): void {
  if (saved === customRecipeJson(mode)) return;
  throw new EngineError(
    'WRONG_RUN',
    `The run in "${name}" was trained in a mode "${mode}" that is not the one defined here.`,
    saved === null
      ? 'The file has no recipe for it, so it was edited by hand.'
      : `Define the mode with the recipe of the file: ${saved}`,
  );
}

function damagedRun(name: string, what: string, options?: ErrorOptions): EngineError {
  return new EngineError(
    'BAD_FILE',
    `The run in "${name}" is damaged: ${what}.`,
    'The file was damaged or edited by hand. Use an earlier file of the same run.',
    options,
  );
}
