/** `--init FILE`: a GPT-2 that a run starts from. */
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
} from '../engine/index.ts';
import { fileSource } from './fileSource.ts';

export interface InitialModel extends ModelFile {
  readonly shape: GptConfig;
}

/**
 * @param path of a safetensors file, or of a folder with a `model.safetensors`
 * @param given what the user set, to hold against the file
 * @throws EngineError BAD_FILE or WRONG_MODEL naming what is wrong with the file, BAD_VALUE naming an option that
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
      `"${name}" does not say how many heads its width of ${shape.width} has, and no config.json is beside it.`,
      `Give --heads; GPT-2's heads are 64 wide, which makes ${usualHeads(shape.width)}.`,
    );
  }
  const model = { ...file, shape: { ...shape, heads } };
  refuseContradictions(model, given);
  return model;
}

/** What to tell of the file before a run starts from it. */
export function modelNotes(
  { name, shape, likelyTokenizer, notes }: InitialModel,
  given: Overrides,
): string[] {
  if (likelyTokenizer === null || given.tokenizer !== undefined) return [...notes];
  return [
    `"${name}" has ${shape.vocabulary} tokens, as GPT-2, and nothing beside it says of what tokenizer: GPT-2's is assumed. --tokenizer says otherwise.`,
    ...notes,
  ];
}

/** The shape as values of a configuration, and the tokenizer where the file decides it. */
export function overridesOfModel({ shape, tokenizer }: InitialModel, given: Overrides): Overrides {
  if (!tokenizer) return shape;
  return { ...shape, tokenizer: choiceOfModel(choiceOf(tokenizer), given.tokenizer ?? null) };
}

/** How to fill up the vocabulary of a text whose tokens are fewer than the model's; null where that was asked for. */
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
      `Leave --${option} out: with --init the file decides it.`,
    );
  }
}

/** A file beside the weights; null where there is none. It is open only while it is read. */
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
