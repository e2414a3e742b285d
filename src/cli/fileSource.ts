import { type FileHandle, open } from 'node:fs/promises';
import { basename } from 'node:path';
import { EngineError, type RandomAccess } from '../engine/index.ts';
import { fileProblem } from './fileProblem.ts';

/**
 * Random access to a file on disk. Each read opens and closes the file, because readers end in many ways, and Node ends
 * the process when it garbage-collects an open handle.
 * @throws EngineError BAD_FILE when it cannot be opened; a read throws the same after the file was changed or replaced
 */
export async function fileSource(path: string): Promise<RandomAccess> {
  try {
    const first = await withFile(path, factsOf);
    if (first.isFolder) throw Object.assign(new Error('a folder'), { code: 'EISDIR' });
    const read = (offset: number, length: number): Promise<Uint8Array> =>
      withFile(path, async (file) => {
        const { print } = await factsOf(file);
        if (print !== first.print) throw changed(path);
        const { buffer, bytesRead } = await file.read(new Uint8Array(length), 0, length, offset);
        return buffer.subarray(0, bytesRead);
      });
    return { name: basename(path), size: first.size, read };
  } catch (cause) {
    throw new EngineError(
      'BAD_FILE',
      `Cannot open "${path}": ${fileProblem(cause)}.`,
      'Give the path of a .safetensors or .gguf file.',
      {
        cause,
      },
    );
  }
}

async function withFile<T>(path: string, use: (file: FileHandle) => Promise<T>): Promise<T> {
  const file = await open(path, 'r');
  try {
    return await use(file);
  } finally {
    await file.close();
  }
}

/** `print` identifies the file and its content: it changes when the file is replaced or written to. */
async function factsOf(file: FileHandle): Promise<{ size: number; print: string; isFolder: boolean }> {
  const facts = await file.stat({ bigint: true });
  const { dev, ino, size, mtimeNs } = facts;
  return { size: Number(size), print: [dev, ino, size, mtimeNs].join(), isFolder: facts.isDirectory() };
}

function changed(path: string): EngineError {
  return new EngineError(
    'BAD_FILE',
    `"${path}" was changed or replaced while it was in use.`,
    'Try again when nothing writes to it.',
  );
}
