/** Pictures of the documentation: drawings become part of the page, so that they follow its theme; others are files. */
import { existsSync, readFileSync } from 'node:fs';
import { basename, join, posix } from 'node:path';
import { escapeHtml } from '../html.ts';
import type { LinkContext } from './links.ts';

export interface PictureFile {
  readonly name: string;
  readonly path: string;
}

/** @param files takes the files that the pages need beside them */
export function renderPicture(
  context: Pick<LinkContext, 'root' | 'fault'>,
  files: Map<string, PictureFile>,
  from: string,
  href: string,
  alt: string,
): string {
  const path = posix.normalize(posix.join(posix.dirname(from), href));
  if (/^[a-z]+:/i.test(href) || path.startsWith('../') || !existsSync(join(context.root, path))) {
    context.fault(`${from} shows ${href}: there is no such picture`);
    return escapeHtml(alt);
  }
  if (path.endsWith('.svg')) return drawing(readFileSync(join(context.root, path), 'utf8'), alt);
  const name = basename(path);
  const known = files.get(name);
  if (known !== undefined && known.path !== path)
    context.fault(`${from} shows ${href}: ${known.path} has the same name`);
  files.set(name, { name, path });
  const size = path.endsWith('.png') ? pngSize(readFileSync(join(context.root, path))) : null;
  const dimensions = size === null ? '' : ` width="${size.width}" height="${size.height}"`;
  return `<img src="${escapeHtml(name)}" alt="${escapeHtml(alt)}"${dimensions} loading="lazy">`;
}

function drawing(svg: string, alt: string): string {
  const content = svg.replace(/^[\s\S]*?<svg\b/, '<svg').trim();
  const label = `role="img" aria-label="${escapeHtml(alt)}"`;
  // Wider than a phone, so that words stay readable: the box scrolls.
  const box = `<span class="scroll" role="group" tabindex="0" aria-label="${escapeHtml(`Picture: ${alt}`)}">`;
  return `<span class="drawing">${box}${content.replace('<svg', `<svg ${label}`)}</span></span>`;
}

/** Width and height from the header of a PNG file. */
export function pngSize(file: Buffer): { width: number; height: number } {
  return { width: file.readUInt32BE(16), height: file.readUInt32BE(20) };
}
