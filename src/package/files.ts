/** The files that exports return. */
import { blobOf, type FileToWrite } from '../engine/index.ts';

export function asFiles(files: readonly FileToWrite[]): Promise<File[]> {
  return Promise.all(files.map(async ({ name, pieces }) => new File([await blobOf(inTurn(pieces()))], name)));
}

async function* inTurn(pieces: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  // A copy, because the next piece may reuse the buffer.
  for await (const piece of pieces) yield piece.slice();
}
