/** Downloads a text from an address that the visitor gives. */
import { BlobParts, checkTextSize, emptyText, Utf8Reader } from '../engine/index.ts';
import { nameOf, readAddress, request, unavailable, unreachable, type Wanted } from './request.ts';

const TEXT: Wanted = {
  code: 'TEXT_UNAVAILABLE',
  otherwise: 'download the text and choose it as a file',
};

export interface DownloadOptions {
  /** `size` is null when the server does not state it or sends more than it stated. */
  readonly onProgress?: (bytes: number, size: number | null) => void;
  readonly signal: AbortSignal;
}

/**
 * Downloads the text at `address` into a file of the browser's, which keeps large data on disk: the worker holds one
 * part at a time in memory. Data that is not text is refused at its first invalid byte, not at the end.
 * @throws SessionError TEXT_UNAVAILABLE when `address` is no address, does not answer or may not be read
 * @throws EngineError BAD_TEXT when the data is not UTF-8 text, is empty or too large
 */
export async function downloadText(address: string, { onProgress, signal }: DownloadOptions): Promise<File> {
  const url = readAddress(address, TEXT);
  const response = await request(url, TEXT, signal);
  if (!response.ok) {
    await response.body?.cancel();
    throw unavailable(
      url,
      TEXT.code,
      `the server answers HTTP ${response.status}`,
      'Open the address in a new tab to check it.',
    );
  }
  const name = nameOf(url);
  const announced = Number(response.headers.get('content-length')) || null;
  const reader = response.body?.getReader();
  if (!reader) throw emptyText(name);
  const parts = new BlobParts();
  const check = new Utf8Reader(name);
  try {
    checkTextSize(name, announced ?? 0);
    for (;;) {
      const { done, value } = await reader.read().catch((cause: unknown) => {
        signal.throwIfAborted();
        throw unreachable(url, TEXT, cause);
      });
      signal.throwIfAborted(); // a reader may still return buffered data after an abort
      if (done) break;
      check.push(value);
      parts.take(value);
      const { bytes } = parts;
      onProgress?.(bytes, announced !== null && announced >= bytes ? announced : null);
    }
    check.end();
  } finally {
    await reader.cancel().catch(() => undefined);
  }
  return new File([parts.end('text/plain')], name, { type: 'text/plain' });
}
