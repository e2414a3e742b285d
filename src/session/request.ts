/** Requests to addresses that the visitor typed: what all of them send, and why they fail. */
import { SessionError } from './errorReport.ts';

/** What is loaded, for messages. */
export interface Wanted {
  readonly code: 'TEXT_UNAVAILABLE' | 'MODEL_UNAVAILABLE';
  /** What to do where the server does not let other sites read it; completes "Otherwise". */
  readonly otherwise: string;
}

/** @throws SessionError when `address` is no http or https address */
export function readAddress(address: string, { code }: Wanted): URL {
  const text = address.trim();
  if (/^https?:/i.test(text) && URL.canParse(text)) return new URL(text);
  throw new SessionError(
    code,
    `"${shorten(address)}" is not an http or https address.`,
    'Enter the full address, beginning with https://.',
  );
}

/**
 * Sends no cookies and does not say from which page.
 * @param headers only those that need no permission of the server: a range that begins at a byte
 * @throws the signal's reason when it is aborted; SessionError when there is no answer, or none that the page may read
 */
export async function request(
  url: URL,
  wanted: Wanted,
  signal: AbortSignal,
  headers?: Readonly<Record<string, string>>,
): Promise<Response> {
  const init = { signal, credentials: 'omit', referrerPolicy: 'no-referrer' } as const;
  try {
    return await fetch(url, headers ? { ...init, headers } : init);
  } catch (cause) {
    signal.throwIfAborted();
    throw unreachable(url, wanted, cause);
  }
}

/** Browsers do not tell a page which of the two reasons applies. */
export function unreachable(url: URL, { code, otherwise }: Wanted, cause: unknown): SessionError {
  const here = globalThis.location;
  // The page's policy allows https, and its own server.
  const insecure = url.protocol === 'http:' && here !== undefined && here.origin !== url.origin;
  const why = cause instanceof Error && cause.message ? ` (${cause.message})` : '';
  return unavailable(
    url,
    code,
    `there is no connection, or its server does not allow other sites to read it${why}`,
    insecure
      ? `This page may not read http addresses of other servers. Use https, or ${otherwise}.`
      : `The server must send "Access-Control-Allow-Origin". Otherwise ${otherwise}.`,
  );
}

export function unavailable(url: URL, code: Wanted['code'], why: string, hint: string): SessionError {
  return new SessionError(code, `${shorten(url.href)} could not be loaded: ${why}.`, hint);
}

/** The file name at the end of the address, or the host where there is none. */
export function nameOf(url: URL): string {
  const last = url.pathname.split('/').at(-1) ?? '';
  try {
    return decodeURIComponent(last) || url.hostname;
  } catch {
    return last;
  }
}

function shorten(text: string): string {
  return text.length > 100 ? `${text.slice(0, 99)}…` : text;
}
