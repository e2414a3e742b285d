/** Downloads a text from an address that the visitor gives. */
import { BlobParts, checkTextSize, emptyText, Utf8Reader } from '../engine/index.ts';
import { SessionError } from './errorReport.ts';

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
  const url = readAddress(address);
  const response = await fetch(url, { signal, credentials: 'omit', referrerPolicy: 'no-referrer' }).catch(
    (cause: unknown) => {
      signal.throwIfAborted();
      throw unreachable(url, cause);
    },
  );
  if (!response.ok) {
    await response.body?.cancel();
    throw unavailable(
      url,
      `the server answers HTTP ${response.status}`,
      'Open the address in a new tab to check it.',
    );
  }
  const announced = Number(response.headers.get('content-length')) || null;
  const reader = response.body?.getReader();
  if (!reader) throw emptyText();
  const parts = new BlobParts();
  const check = new Utf8Reader();
  try {
    checkTextSize(announced ?? 0);
    for (;;) {
      const { done, value } = await reader.read().catch((cause: unknown) => {
        signal.throwIfAborted();
        throw unreachable(url, cause);
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
  return new File([parts.end('text/plain')], nameOf(url), { type: 'text/plain' });
}

function readAddress(address: string): URL {
  const text = address.trim();
  if (/^https?:/i.test(text) && URL.canParse(text)) return new URL(text);
  throw new SessionError(
    'TEXT_UNAVAILABLE',
    `"${shorten(address)}" is not an http or https address.`,
    'Enter the full address, beginning with https://.',
  );
}

/** The file name at the end of the address, or the host where there is none. */
function nameOf(url: URL): string {
  const last = url.pathname.split('/').at(-1) ?? '';
  try {
    return decodeURIComponent(last) || url.hostname;
  } catch {
    return last;
  }
}

/** Browsers do not tell a page which of the two reasons applies. */
function unreachable(url: URL, cause: unknown): SessionError {
  const insecure = url.protocol === 'http:' && globalThis.location?.protocol === 'https:';
  const why = cause instanceof Error && cause.message ? ` (${cause.message})` : '';
  return unavailable(
    url,
    `there is no connection, or its server does not allow other sites to read it${why}`,
    insecure
      ? 'This page was opened over https and may not read http addresses. Use https, or download the text and choose it as a file.'
      : 'The server must send "Access-Control-Allow-Origin". Otherwise download the text and choose it as a file.',
  );
}

function unavailable(url: URL, why: string, hint: string): SessionError {
  return new SessionError('TEXT_UNAVAILABLE', `${shorten(url.href)} could not be loaded: ${why}.`, hint);
}

function shorten(text: string): string {
  return text.length > 100 ? `${text.slice(0, 99)}…` : text;
}
