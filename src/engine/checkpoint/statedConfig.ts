/**
 * What is stated about a model beside its tensors: in its config.json, and in the metadata of a file that Halfstep wrote,
 * which describes itself completely.
 */
import { GPT2_KINDS, type GptConfig, MLP_KINDS, type MlpKind } from '../config/gptConfig.ts';
import { quote } from '../core/strictJson.ts';
import { CompanionFileError, describe, wrongCompanionFile } from './beside.ts';
import { NO_IDS } from './documentIds.ts';
import type { FamilyName } from './families.ts';
import { type SizesOfTensors, wrongModel } from './familyWeights.ts';
import { CONFIG_KEY, HEADS_KEY, MLP_KEY, TOKENIZER_KEY } from './metadataKeys.ts';
import { type ConfigContents, keyOf, readConfig } from './modelConfig.ts';
import { bytesSource, type RandomAccess } from './randomAccess.ts';
import type { StoredWeights } from './storedWeights.ts';

/** What the tensors of a model show. */
export interface ShownByTensors {
  readonly family: FamilyName;
  readonly sizes: SizesOfTensors;
  /** Whether there is a head of its own. */
  readonly head: boolean;
}

/**
 * Returns what the metadata and config.json state, with a note where config.json belongs to another model.
 * @throws EngineError WRONG_MODEL when config.json is of no model that is trained here or contradicts the tensors, and
 * there is nothing else that describes the model
 */
export async function statedConfig(
  weights: StoredWeights,
  shown: ShownByTensors,
  config: RandomAccess | null,
  notes: string[],
): Promise<ConfigContents> {
  const own = await ownConfig(weights, shown.family);
  if (!config) return own ?? { family: shown.family, stated: {}, ids: NO_IDS };
  try {
    const beside = await readConfig(config, shown.family);
    checkSizes(beside, shown);
    if (own) checkOwn(beside, own);
    return own ? { ...own, stated: { ...beside.stated, ...own.stated } } : beside;
  } catch (cause) {
    if (!(cause instanceof CompanionFileError)) throw cause;
    const isComplete = [CONFIG_KEY, TOKENIZER_KEY].some((key) => weights.metadata.has(key));
    if (!own || !isComplete) {
      throw wrongCompanionFile(
        weights.name,
        config.name,
        cause,
        cause.hint ?? "Put the model's own config.json there, or remove the file if the model is a GPT-2.",
      );
    }
    notes.push(`The ${config.name} beside it ${cause.message}. It belongs to another model and was ignored.`);
    return own;
  }
}

/** What the metadata state; null when they state nothing. @throws EngineError WRONG_MODEL when it is not valid */
async function ownConfig(
  { name, metadata }: StoredWeights,
  likely: FamilyName,
): Promise<ConfigContents | null> {
  const config = metadata.get(CONFIG_KEY);
  if (config !== undefined) {
    try {
      return await readConfig(bytesSource(CONFIG_KEY, new TextEncoder().encode(config)), likely);
    } catch (cause) {
      if (!(cause instanceof CompanionFileError)) throw cause;
      throw wrongModel(name, `has metadata whose ${CONFIG_KEY} ${cause.message}`);
    }
  }
  const heads = metadataHeads(name, metadata);
  const mlp = metadataMlp(name, metadata);
  if (heads === null && mlp === null) return null;
  return { family: likely, stated: { ...(heads !== null && { heads }), ...(mlp && { mlp }) }, ids: NO_IDS };
}

function checkSizes({ family, stated }: ConfigContents, { sizes, head }: ShownByTensors): void {
  const contradictions = (Object.keys(sizes) as (keyof SizesOfTensors)[]).flatMap((size) => {
    const said = stated[size] ?? undefined;
    if (said === undefined || said === sizes[size]) return [];
    return [`${keyOf(size, family)} ${said} where the weights have ${sizes[size]}`];
  });
  if (stated.tied === false && !head) {
    contradictions.push(
      `${keyOf('tied', family)} false where the weights have no lm_head.weight of their own`,
    );
  }
  if (contradictions.length > 0) throw new CompanionFileError(`says ${contradictions.join(', and ')}`);
}

function checkOwn(beside: ConfigContents, own: ConfigContents): void {
  if (beside.family !== own.family) {
    throw new CompanionFileError(
      `has model_type ${quote(beside.family)} where the metadata of the weights have ${quote(own.family)}`,
    );
  }
  for (const field of Object.keys(own.stated) as (keyof GptConfig)[]) {
    const [said, has] = [beside.stated[field], own.stated[field]];
    if (said === undefined || said === has) continue;
    throw new CompanionFileError(
      `says ${keyOf(field, own.family)} ${describe(said)} where the metadata of the weights say ${describe(has)}`,
    );
  }
}

/**
 * The kind of MLP in the metadata. An export that names none is from a version that had only GPT-2's.
 * @throws EngineError WRONG_MODEL when the kind is unknown
 */
function metadataMlp(file: string, metadata: ReadonlyMap<string, string>): MlpKind | null {
  const said = metadata.get(MLP_KEY) ?? (metadata.has(TOKENIZER_KEY) ? GPT2_KINDS.mlp : undefined);
  const known = MLP_KINDS.find((kind) => kind === said);
  if (said === undefined || known) return known ?? null;
  throw wrongModel(file, `has metadata with ${MLP_KEY} ${quote(said)}, which this version does not have`);
}

/** The number of heads in the metadata, if any. @throws EngineError WRONG_MODEL when it is not a number */
function metadataHeads(file: string, metadata: ReadonlyMap<string, string>): number | null {
  const heads = metadata.get(HEADS_KEY);
  if (heads === undefined) return null;
  if (/^[1-9]\d{0,5}$/.test(heads)) return Number(heads);
  throw wrongModel(file, `has metadata with ${HEADS_KEY} ${quote(heads)}, which is not a whole number`);
}
