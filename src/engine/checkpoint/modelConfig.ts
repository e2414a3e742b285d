/**
 * Reads the `config.json` of a model of one of the families. Keys that are left out have the defaults of the family's class
 * in transformers. Options that change what a model computes, and that the engine does not compute, are refused by name.
 */

import type { GptConfig, MlpKind } from '../config/gptConfig.ts';
import type { JsonObject, JsonValue } from '../core/strictJson.ts';
import { CompanionFileError, describe, readObject, wrongCompanionFile } from './beside.ts';
import { type DocumentIds, documentIds } from './documentIds.ts';
import { FAMILIES, FAMILY_NAMES, type FamilyName, isFamily, SIZES, type Size } from './families.ts';
import { refuseOptions } from './modelOptions.ts';
import type { RandomAccess } from './randomAccess.ts';
import { readRope } from './ropeConfig.ts';

const MAX_BYTES = 2 ** 20;

export interface ConfigContents {
  readonly family: FamilyName;
  /** The fields that the file decides. Sizes and the activation function are there only where the file states them. */
  readonly stated: Partial<GptConfig>;
  readonly ids: DocumentIds;
}

/**
 * @param likely the family that the tensors' names suggest, which the file may name more precisely
 * @throws CompanionFileError naming the key whose value the engine does not compute, or that is no valid value; EngineError
 * BAD_FILE when the file cannot be read
 */
export async function readConfig(source: RandomAccess, likely: FamilyName): Promise<ConfigContents> {
  const json = await readObject(source, MAX_BYTES);
  const family = familyOf(json, likely);
  refuseOptions(json, family);
  const sizes = Object.fromEntries(
    SIZES.flatMap((size) => {
      const value = sizeOf(json, family, size);
      return value === null ? [] : [[size, value]];
    }),
  ) as Partial<Record<Size, number>>;
  const { keys } = FAMILIES[family];
  for (const size of FAMILIES[family].stated) {
    if (sizes[size] === undefined) throw new CompanionFileError(`has no ${keys[size]}`);
  }
  const mlp = activationOf(json, family);
  const tied = json.get('tie_word_embeddings');
  return {
    family,
    stated: {
      ...FAMILIES[family].defaults,
      ...sizes,
      ...(mlp && { mlp }),
      ...(typeof tied === 'boolean' && { tied }),
      ...(FAMILIES[family].kinds.position[0] === 'rope' && readRope(json)),
      ...biasesOf(json, family),
    },
    ids: documentIds(json),
  };
}

/**
 * Refuses a configuration that no weights could fit, before there are any. One that names no family is left to them.
 * @param model for the message
 * @throws EngineError WRONG_MODEL, as {@link readConfig} refuses it
 */
export async function checkModelConfig(source: RandomAccess, model: string): Promise<void> {
  try {
    const type = (await readObject(source, MAX_BYTES)).get('model_type');
    if (type !== undefined) await readConfig(source, isFamily(type) ? type : 'gpt2');
  } catch (cause) {
    if (!(cause instanceof CompanionFileError)) throw cause;
    throw wrongCompanionFile(model, source.name, cause, cause.hint ?? 'Load another model.');
  }
}

function familyOf(json: JsonObject, likely: FamilyName): FamilyName {
  const type = json.get('model_type');
  if (isFamily(type) && FAMILIES[type].tensors === FAMILIES[likely].tensors) return type;
  if (isFamily(type)) {
    throw new CompanionFileError(
      `has model_type ${describe(type)} where the weights are those of ${FAMILIES[likely].title}`,
    );
  }
  if (type !== undefined) {
    throw new CompanionFileError(
      `has model_type ${describe(type)}; Halfstep trains only ${FAMILY_NAMES.join(', ')}`,
    );
  }
  const classes = json.get('architectures');
  const [named] = Array.isArray(classes) ? (classes as readonly JsonValue[]) : [];
  return FAMILY_NAMES.find((family) => FAMILIES[family].architecture === named) ?? likely;
}

/** Sizes that may be null, which stands for what follows from the others. */
const NULLABLE: ReadonlySet<Size> = new Set(['intermediate', 'keyValueHeads', 'headSize']);

function sizeOf(json: JsonObject, family: FamilyName, size: Size): number | null {
  const key = FAMILIES[family].keys[size];
  const value = key === undefined ? undefined : json.get(key);
  if (value === undefined || (value === null && NULLABLE.has(size))) return null;
  const isNumber = typeof value === 'number' && Number.isFinite(value) && value > 0;
  if (isNumber && (size === 'normEpsilon' || Number.isSafeInteger(value))) return value;
  throw new CompanionFileError(
    `has ${key} ${describe(value)}, which is not a positive ${size === 'normEpsilon' ? 'number' : 'integer'}`,
  );
}

/** The kind of MLP; null when the file does not name the activation function. */
function activationOf(json: JsonObject, family: FamilyName): MlpKind | null {
  const { key, names } = FAMILIES[family].activation;
  const name = json.get(key);
  if (name === undefined) return null;
  const known = Object.entries(names).find(([, all]) => all.some((own) => own === name));
  if (known) return known[0] as MlpKind;
  throw new CompanionFileError(
    `has ${key} ${describe(name)}; Halfstep trains only ${Object.values(names).flat().join(' or ')}`,
  );
}

/** Biases of projections, where the family leaves a choice. */
function biasesOf(json: JsonObject, family: FamilyName): Pick<GptConfig, 'biases'> | null {
  if (family === 'gpt2') return null;
  const [attention, mlp] = [json.get('attention_bias') === true, json.get('mlp_bias') === true];
  if (attention === mlp && FAMILIES[family].kinds.biases.includes('all')) {
    return { biases: attention ? 'all' : 'none' };
  }
  if (!attention && !mlp) return null;
  throw new CompanionFileError(
    `has ${attention ? 'attention_bias' : 'mlp_bias'} true${mlp && attention ? '' : ` without ${attention ? 'mlp_bias' : 'attention_bias'}`}; Halfstep has biases everywhere, at q, k and v as in Qwen 2, or nowhere`,
  );
}

/** The key of config.json that decides a field, for messages. */
export function keyOf(field: keyof GptConfig, family: FamilyName): string {
  const { keys, activation } = FAMILIES[family];
  switch (field) {
    case 'mlp':
      return activation.key;
    case 'tied':
      return 'tie_word_embeddings';
    case 'ropeBase':
      return 'rope_theta';
    case 'ropeScaling':
      return 'rope_scaling';
    case 'biases':
      return 'attention_bias';
    default:
      return keys[field as Size] ?? field;
  }
}
