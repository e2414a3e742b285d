/** `--init PATH`: opens the model that a run starts from. */
import { open, readdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import {
  choiceOf,
  choiceOfModel,
  EngineError,
  FIELDS,
  type GptConfig,
  hasFreeContext,
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
 * @param path a safetensors file, the index of one that is split into shards, a GGUF file, or a folder with one of them
 * @param given the user's settings, which are checked against the file
 * @throws EngineError BAD_FILE or WRONG_MODEL saying what is wrong with the file, BAD_VALUE naming an option that
 * contradicts it
 */
export async function openInitialModel(path: string, given: Overrides): Promise<InitialModel> {
  const filePath = await weightsIn(path);
  const file = await openModel(await fileSource(filePath), {
    config: await sourceBeside(filePath, 'config.json'),
    tokenizer: await sourceBeside(filePath, 'tokenizer.json'),
    shard: (name) => sourceBeside(filePath, name),
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

/** The names that weights have in a folder, in the order in which they are looked for. */
const WEIGHTS = ['model.safetensors', 'model.safetensors.index.json', 'model.gguf'];

/** The file of weights in a folder, or the path itself if it is none. @throws EngineError BAD_FILE when it has no weights */
async function weightsIn(path: string): Promise<string> {
  if (!(await stat(path).catch(() => null))?.isDirectory()) return path;
  for (const name of WEIGHTS) {
    const file = join(path, name);
    if ((await stat(file).catch(() => null))?.isFile()) return file;
  }
  const others = (await readdir(path)).filter((name) => /\.(safetensors|bin|pth?|gguf)$/i.test(name));
  throw new EngineError(
    'BAD_FILE',
    `There is no ${WEIGHTS.join(' and no ')} in "${path}"${others.length > 0 ? `; it has ${others.slice(0, 3).join(', ')}` : ''}.`,
    'Give the folder of a model as it is on Hugging Face, or the path of its file of weights.',
  );
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

/** Returns the shape as settings, and the tokenizer if the file determines it. */
export function overridesOfModel({ shape, tokenizer }: InitialModel, given: Overrides): Overrides {
  const asked = given.context ?? shape.context;
  const context = hasFreeContext(shape) && asked < shape.context ? asked : shape.context;
  const decided = withoutUnused({ ...shape, context });
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
