/** `--init FILE`: opens the GPT-2 that a run starts from. */
import { open, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import {
  choiceOf,
  choiceOfModel,
  EngineError,
  FIELDS,
  type GptConfig,
  type ModelFile,
  type Overrides,
  openModel,
  type RandomAccess,
  rowOf,
  usualHeads,
  withoutUnused,
} from '../engine/index.ts';
import { fileSource } from './fileSource.ts';

export interface InitialModel extends ModelFile {
  readonly shape: GptConfig;
}

/**
 * @param path a safetensors file, or a folder with a `model.safetensors`
 * @param given the user's settings, which are checked against the file
 * @throws EngineError BAD_FILE or WRONG_MODEL saying what is wrong with the file, BAD_VALUE naming an option that
 * contradicts it
 */
export async function openInitialModel(path: string, given: Overrides): Promise<InitialModel> {
  const isFolder = (await stat(path).catch(() => null))?.isDirectory() ?? false;
  const filePath = isFolder ? join(path, 'model.safetensors') : path;
  const file = await openModel(await fileSource(filePath), {
    config: await sourceBeside(filePath, 'config.json'),
    tokenizer: await sourceBeside(filePath, 'tokenizer.json'),
  });
  const { name, shape } = file;
  const heads = file.heads ?? given.heads;
  if (heads === undefined) {
    throw new EngineError(
      'BAD_VALUE',
      `"${name}" does not state its number of heads, and there is no config.json beside it.`,
      `Give --heads; with GPT-2's heads of width 64, its width of ${shape.width} has ${usualHeads(shape.width)}.`,
    );
  }
  const model = { ...file, shape: { ...shape, heads } };
  refuseContradictions(model, given);
  return model;
}

/** Returns the notes to show before a run starts from the file. */
export function modelNotes(
  { name, shape, likelyTokenizer, notes }: InitialModel,
  given: Overrides,
): string[] {
  if (likelyTokenizer === null || given.tokenizer !== undefined) return [...notes];
  return [
    `"${name}" has ${shape.vocabulary} tokens like GPT-2, and no tokenizer.json is beside it, so GPT-2's tokenizer is assumed. Use --tokenizer to choose another.`,
    ...notes,
  ];
}

/** Returns the shape as settings, and the tokenizer if the file determines it. */
export function overridesOfModel({ shape, tokenizer }: InitialModel, given: Overrides): Overrides {
  const decided = withoutUnused(shape);
  if (!tokenizer) return decided;
  return { ...decided, tokenizer: choiceOfModel(choiceOf(tokenizer), given.tokenizer ?? null) };
}

/** Settings that the file determines take precedence over given ones, and those over what it only suggests. */
export function configOf(model: InitialModel, given: Overrides): Overrides {
  const { likelyTokenizer } = model;
  return {
    ...(likelyTokenizer && { tokenizer: likelyTokenizer }),
    ...given,
    ...overridesOfModel(model, given),
  };
}

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

/** Random access to a file beside the weights; null when there is none. The file is open only during a read. */
async function sourceBeside(path: string, name: string): Promise<RandomAccess | null> {
  const beside = join(dirname(path), name);
  const facts = await stat(beside).catch(() => null);
  if (!facts?.isFile()) return null;
  return {
    name,
    size: facts.size,
    async read(offset, length) {
      const file = await open(beside, 'r');
      try {
        const { buffer, bytesRead } = await file.read(new Uint8Array(length), 0, length, offset);
        return buffer.subarray(0, bytesRead);
      } finally {
        await file.close();
      }
    },
  };
}
