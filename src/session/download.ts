/** A text from an address that the visitor gives. */
import { BlobParts, checkTextSize, emptyText, Utf8Reader } from '../engine/index.ts';
import { SessionError } from './errorReport.ts';

export interface DownloadOptions {
  /** `size` is null where the server does not say it, or says less than it sends. */
  readonly onProgress?: (bytes: number, size: number | null) => void;
  readonly signal: AbortSignal;
}

/**
 * Loads the text at `address` into a file of the browser's, which keeps many bytes on disk: the worker's memory holds
 * one part of them at a time. What is not text is refused at its first wrong byte, not after the last.
 * @throws SessionError TEXT_UNAVAILABLE for what is no address, does not answer, or may not be read
 * @throws EngineError BAD_TEXT for what is not UTF-8 text, is empty or too large
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
      'Check the address in a tab of its own.',
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
      signal.throwIfAborted(); // what had already arrived is still given after an abort
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
    `"${shorten(address)}" is not the address of a text.`,
    'Write it in full, with https:// at its start.',
  );
}

/** The file's name where the address ends in one, else the host. */
function nameOf(url: URL): string {
  const last = url.pathname.split('/').at(-1) ?? '';
  try {
    return decodeURIComponent(last) || url.hostname;
  } catch {
    return last;
  }
}

/** Browsers do not tell a page which of these it was. */
function unreachable(url: URL, cause: unknown): SessionError {
  const insecure = url.protocol === 'http:' && globalThis.location?.protocol === 'https:';
  const why = cause instanceof Error && cause.message ? ` (${cause.message})` : '';
  return unavailable(
    url,
    `there is no connection, or its server does not allow other sites to read it${why}`,
    insecure
      ? 'This page was opened over https and may not read http addresses: use https, or download the text and choose it as a file.'
      : 'The server must send "Access-Control-Allow-Origin". Else download the text and choose it as a file.',
  );
}

function unavailable(url: URL, why: string, hint: string): SessionError {
  return new SessionError('TEXT_UNAVAILABLE', `${shorten(url.href)} could not be loaded: ${why}.`, hint);
}

function shorten(text: string): string {
  return text.length > 100 ? `${text.slice(0, 99)}…` : text;
}
