/** Opens the files of a model in a folder, for the command line and for programs. */
import { open, readdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { EngineError, type ModelFile, openModel, type RandomAccess } from '../engine/index.ts';
import { fileSource } from './fileSource.ts';

/**
 * @param path a safetensors file, the index of one that is split into shards, a GGUF file, or a folder with one of them
 * @throws EngineError BAD_FILE or WRONG_MODEL saying what is wrong with the files
 */
export async function openModelAt(path: string): Promise<ModelFile> {
  const filePath = await weightsIn(path);
  return openModel(await fileSource(filePath), {
    config: await sourceBeside(filePath, 'config.json'),
    tokenizer: await sourceBeside(filePath, 'tokenizer.json'),
    generation: await sourceBeside(filePath, 'generation_config.json'),
    shard: (name) => sourceBeside(filePath, name),
  });
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
