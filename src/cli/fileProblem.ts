/** Why files cannot be read or written, for people. Unusual reasons are given in the system's words. */
import { dirname } from 'node:path';

/** Describes why a file cannot be read. */
export function fileProblem(cause: unknown): string {
  return READING[codeOf(cause)] ?? String(cause);
}

/** Describes why a file, which may be new, cannot be written. */
export function writingProblem(path: string, cause: unknown): string {
  const code = codeOf(cause);
  if (code === 'ENOENT') return `there is no folder "${dirname(path)}"`;
  return WRITING[code] ?? (cause instanceof Error ? cause.message : String(cause));
}

function codeOf(cause: unknown): string {
  return cause instanceof Error && 'code' in cause ? String(cause.code) : '';
}

const WRITING: Readonly<Record<string, string>> = {
  EISDIR: 'it is a folder',
  EACCES: 'permission denied',
  EROFS: 'its file system is read-only',
  ENOSPC: 'the disk is full',
};

const READING: Readonly<Record<string, string>> = { ...WRITING, ENOENT: 'there is no such file' };
