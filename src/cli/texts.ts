/** Opens the text of a run: a built-in one from its package, or the user's file. */
import { createReadStream } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { assembleText } from '../../build/assembleTexts.ts';
import {
  builtinStream,
  EngineError,
  streamOf,
  type TextStream,
  type TokenizeProgress,
} from '../engine/index.ts';
import { fileProblem } from './fileProblem.ts';
import { formatCount } from './format.ts';
import type { TextChoice } from './options.ts';
import type { ProgressLine } from './progress.ts';

/** No progress is shown for texts that are read within this time. */
const QUIET_MS = 1000;

/** Shows the progress of tokenizing a text on a line. */
export function showReading(
  line: ProgressLine,
  now: () => number = () => performance.now(),
): (progress: TokenizeProgress) => void {
  const startedAt = now();
  return (progress) => {
    if (now() - startedAt >= QUIET_MS) line.update(() => readingText(progress));
  };
}

function readingText(progress: TokenizeProgress): string {
  if (progress.stage === 'learning') {
    return `Learning byte pairs ${formatCount(progress.pairs)}/${formatCount(progress.of)}`;
  }
  const { stage, bytes, size } = progress;
  const total = size === null ? '' : `/${(size / 1e6).toFixed(1)}`;
  const what = stage === 'reading' ? 'Reading the text' : 'Tokenizing the text';
  return `${what} ${(bytes / 1e6).toFixed(1)}${total} MB`;
}

/** @throws EngineError BAD_TEXT when a file cannot be read, now or later in its stream */
export function openText(choice: TextChoice): Promise<TextStream> {
  if (choice.kind === 'file') return openFile(choice.path);
  return builtinStream(choice.id, async (id) => new TextEncoder().encode(assembleText(id)));
}

async function openFile(path: string): Promise<TextStream> {
  const name = basename(path);
  try {
    const facts = await stat(path);
    // A pipe can be read only once, so its content is kept in memory.
    if (!facts.isFile()) return streamOf(name, await readFile(path));
    return { name, size: facts.size, open: () => chunksOf(path) };
  } catch (cause) {
    throw unreadable(path, cause);
  }
}

async function* chunksOf(path: string): AsyncGenerator<Uint8Array> {
  try {
    // This loop also closes the file when the reader stops early.
    for await (const chunk of createReadStream(path)) yield chunk;
  } catch (cause) {
    throw unreadable(path, cause);
  }
}

function unreadable(path: string, cause: unknown): EngineError {
  return new EngineError(
    'BAD_TEXT',
    `Cannot read "${path}": ${fileProblem(cause)}.`,
    'Give the path of a UTF-8 text file.',
    { cause },
  );
}
