/** Gets the text of a run: a built-in one from its package, or the user's file. */
import { readFile, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { assembleText } from '../../build/assembleTexts.ts';
import { BUILTIN_TEXTS, loadBuiltinText } from '../engine/data/builtins.ts';
import { checkTextSize, decodeUtf8 } from '../engine/data/utf8.ts';
import { EngineError } from '../engine/errors.ts';
import type { TextChoice } from './options.ts';

/** @throws EngineError BAD_TEXT when the file cannot be read or is not UTF-8 text */
export async function loadText(choice: TextChoice): Promise<{ name: string; text: string }> {
  if (choice.kind === 'file') {
    return { name: basename(choice.path), text: decodeUtf8(await readTextFile(choice.path)) };
  }
  const text = await loadBuiltinText(choice.id, async (id) => assembleText(id));
  return { name: BUILTIN_TEXTS[choice.id].title, text };
}

async function readTextFile(path: string): Promise<Uint8Array> {
  try {
    const facts = await stat(path);
    if (facts.isFile()) checkTextSize(facts.size); // before gigabytes are read; pipes have no size to check
    return await readFile(path);
  } catch (cause) {
    if (cause instanceof EngineError) throw cause;
    const reason = REASONS[(cause as NodeJS.ErrnoException).code ?? ''] ?? String(cause);
    throw new EngineError(
      'BAD_TEXT',
      `Cannot read "${path}": ${reason}.`,
      'Give the path of a UTF-8 text file.',
      {
        cause,
      },
    );
  }
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EISDIR: 'it is a folder',
  EACCES: 'this user may not read it',
};
