/** Several files as one that a browser can hand to a visitor: a ZIP archive without compression, which weights do not take. */
import { BlobParts, EngineError, type FileToWrite } from '../engine/index.ts';

/** Offsets of 32 bits: larger archives take a form of the format that the library does not write. */
const MOST_BYTES = 2 ** 32 - 1;

/**
 * @param folder that the files lie in
 * @throws EngineError SAVE_FAILED when they are more than an archive holds, and what writing a file throws
 */
export async function archive(folder: string, files: readonly FileToWrite[]): Promise<Blob> {
  const { Zip, ZipPassThrough } = await import('fflate');
  const parts = new BlobParts();
  let failure: unknown = null;
  const zip = new Zip((error, piece) => {
    if (error) failure = error;
    else parts.take(piece);
  });
  for (const { name, pieces } of files) {
    const entry = new ZipPassThrough(`${folder}/${name}`);
    zip.add(entry);
    // A copy: what the library holds on to may be written over by the next piece.
    for await (const piece of pieces()) {
      entry.push(piece.slice());
      if (failure) throw failure;
      if (parts.bytes > MOST_BYTES) throw tooLarge(parts.bytes);
    }
    entry.push(new Uint8Array(0), true);
  }
  zip.end();
  if (parts.bytes > MOST_BYTES) throw tooLarge(parts.bytes);
  return parts.end('application/zip');
}

function tooLarge(bytes: number): EngineError {
  return new EngineError(
    'SAVE_FAILED',
    `The archive would have more than ${bytes} bytes, and at most ${MOST_BYTES} fit.`,
    'Take the run file, and write the folder with the command line: npm run train -- --resume FILE --export DIR.',
  );
}
