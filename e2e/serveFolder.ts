/** A plain server for built files, for tests with other browsers, folders or headers than `vite preview`. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join, normalize } from 'node:path';

const TYPES: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
  '.txt': 'text/plain; charset=utf-8',
};

export interface FolderServer {
  /** Ends in a slash. */
  readonly address: string;
  close(): void;
}

export interface ServeOptions {
  /** The path under which it serves, between slashes. */
  readonly under?: string;
  /** Headers of every response. */
  readonly headers?: Readonly<Record<string, string>>;
}

/**
 * @param build the command that builds the folder
 * @throws Error if the folder has no index.html
 */
export async function serveFolder(
  folder: string,
  build: string,
  { under = '/', headers = {} }: ServeOptions = {},
): Promise<FolderServer> {
  if (!existsSync(join(folder, 'index.html'))) throw new Error(`${folder} is not built. Run: ${build}`);
  const server = createServer(async (request, response) => {
    const path = normalize(new URL(request.url ?? '/', 'http://localhost').pathname);
    const file = join(folder, path.slice(under.length - 1).replace(/\/$/, '/index.html'));
    const body = path.startsWith(under) ? await readFile(file).catch(() => null) : null;
    const type = TYPES[extname(file)] ?? 'application/octet-stream';
    response.writeHead(body ? 200 : 404, body ? { ...headers, 'Content-Type': type } : headers);
    response.end(body);
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const { port } = server.address() as AddressInfo;
  return { address: `http://127.0.0.1:${port}${under}`, close: () => void server.close() };
}
