import { open } from 'node:fs/promises';
import { basename } from 'node:path';
import type { RandomAccess } from '../engine/checkpoint/randomAccess.ts';
import { EngineError } from '../engine/errors.ts';
import { fileProblem } from './fileProblem.ts';

/** A file on the disk, open until the process ends. @throws EngineError BAD_FILE when it cannot be opened */
export async function fileSource(path: string): Promise<RandomAccess> {
  try {
    const file = await open(path, 'r');
    const { size } = await file.stat();
    return {
      name: basename(path),
      size,
      async read(offset, length) {
        const { buffer, bytesRead } = await file.read(new Uint8Array(length), 0, length, offset);
        return buffer.subarray(0, bytesRead);
      },
    };
  } catch (cause) {
    throw new EngineError(
      'BAD_FILE',
      `Cannot open "${path}": ${fileProblem(cause)}.`,
      'Give the path of a .safetensors file.',
      {
        cause,
      },
    );
  }
}
