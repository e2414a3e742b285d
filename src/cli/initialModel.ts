/** `--init PATH`: opens the model that a run starts from. */
import {
  completeModel,
  EngineError,
  FIELDS,
  hasFreeContext,
  type InitialModel,
  type Overrides,
  overridesOfModel,
  rowOf,
} from '../engine/index.ts';
import { openModelAt } from './modelAt.ts';

/**
 * @param path a safetensors file, the index of one that is split into shards, a GGUF file, or a folder with one of them
 * @param given the user's settings, which are checked against the file
 * @throws EngineError BAD_FILE or WRONG_MODEL saying what is wrong with the file, BAD_VALUE naming an option that
 * contradicts it
 */
export async function openInitialModel(path: string, given: Overrides): Promise<InitialModel> {
  const file = await openModelAt(path);
  const model = completeModel(file, given.heads);
  refuseContradictions(model, given);
  return model;
}

/** Returns the notes to show before a run starts from the file. */
export function modelNotes(
  { name, shape, likelyTokenizer, notes }: InitialModel,
  given: Overrides,
): string[] {
  const own = [...notes];
  if (likelyTokenizer !== null && given.tokenizer === undefined) {
    own.unshift(
      `"${name}" has ${shape.vocabulary} tokens like GPT-2, and no tokenizer.json is beside it, so GPT-2's tokenizer is assumed. Use --tokenizer to choose another.`,
    );
  }
  if (given.context === undefined && hasFreeContext(shape) && shape.context > LONG_CONTEXT) {
    own.push(
      `Windows have the ${shape.context} tokens of the model's whole context. --ctx N trains on shorter ones, with less memory.`,
    );
  }
  return own;
}

/** Contexts from which a note says that a shorter one is possible. */
const LONG_CONTEXT = 1024;

/** The option that pads a text's vocabulary to that of the model; null when it was given. */
export function fillOption({ shape }: InitialModel, given: Overrides): string | null {
  return given.vocabulary === shape.vocabulary ? null : `--vocab ${shape.vocabulary}`;
}

function refuseContradictions(model: InitialModel, given: Overrides): void {
  const decided = overridesOfModel(model, given);
  for (const field of FIELDS) {
    const asked = given[field];
    const has = decided[field];
    if (asked === undefined || has === undefined || asked === has) continue;
    const { kind, option } = rowOf(field);
    const what = kind === 'flag' ? `--${option} was given` : `--${option} is ${asked}`;
    const file = field === 'tied' ? 'shares its head with the embedding' : `has ${field} ${has}`;
    throw new EngineError(
      'BAD_VALUE',
      `${what}, but "${model.name}" ${file}.`,
      `Leave --${option} out, because with --init the file determines it.`,
    );
  }
}
