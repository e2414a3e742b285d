/** A server of made-up files for tests of downloads, in place of the browser's `fetch`. */
import { vi } from 'vitest';

export interface ServedFile {
  readonly bytes: Uint8Array;
  /** Whether the server has HTTP ranges. */
  readonly ranges?: boolean;
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** The connection breaks after this many bytes of an answer, as an error or as an early end. */
  readonly breaks?: { readonly after: number; readonly how: 'error' | 'end' };
}

export interface Asked {
  readonly url: string;
  readonly range: string | null;
}

/** Answers by the names in `files`; each is asked for anew, so that a test can replace it. Returns what was requested. */
export function serve(files: Record<string, ServedFile | string>): Asked[] {
  const asked: Asked[] = [];
  vi.stubGlobal('fetch', async (url: URL, { headers, signal }: RequestInit) => {
    const range = new Headers(headers).get('range');
    asked.push({ url: url.href, range });
    signal?.throwIfAborted();
    const found = files[url.href.split('/').at(-1)!];
    if (found === undefined) return new Response('no', { status: 404 });
    return answer(typeof found === 'string' ? { bytes: new TextEncoder().encode(found) } : found, range);
  });
  return asked;
}

function answer(
  { bytes, ranges = true, status, headers = {}, breaks }: ServedFile,
  range: string | null,
): Response {
  const from = ranges ? Number(/^bytes=(\d+)-$/.exec(range ?? '')?.[1] ?? 0) : 0;
  if (ranges && from >= bytes.length) return new Response(null, { status: 416 });
  const rest = bytes.subarray(from);
  const sent = breaks ? rest.subarray(0, breaks.after) : rest;
  const body = new ReadableStream<Uint8Array>({
    // Two pieces, so that something arrives before a connection breaks.
    pull: (controller) => {
      const half = Math.ceil(sent.length / 2);
      if (half > 0) {
        controller.enqueue(sent.slice(0, half));
        if (half < sent.length) controller.enqueue(sent.slice(half));
      }
      if (breaks?.how === 'error') {
        setTimeout(() => controller.error(new TypeError('network error')));
        return new Promise(() => {});
      }
      controller.close();
      return undefined;
    },
  });
  return new Response(body, {
    status: status ?? (ranges ? 206 : 200),
    headers: {
      'content-length': String(rest.length),
      ...(ranges && { 'content-range': `bytes ${from}-${bytes.length - 1}/${bytes.length}` }),
      ...headers,
    },
  });
}
