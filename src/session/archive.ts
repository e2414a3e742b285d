/**
 * Packs several files into one that the browser can hand over: a ZIP archive without compression, since weights do not
 * compress.
 */
import { BlobParts, EngineError, type FileToWrite } from '../engine/index.ts';

/** Offsets have 32 bits. Larger archives need ZIP64, which the library does not write. */
const MOST_BYTES = 2 ** 32 - 1;

/**
 * @param folder the archive's top-level folder
 * @throws EngineError SAVE_FAILED when the files exceed what an archive holds, and whatever reading the files throws
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
    // A copy, because the next piece may reuse the buffer that the library still refers to.
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
