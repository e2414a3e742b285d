import { BUILTIN_TEXTS, type FileTextId, loadBuiltinText } from '../engine/data/builtins.ts';
import { createDataset, type Dataset } from '../engine/data/dataset.ts';
import { checkTextSize, decodeUtf8 } from '../engine/data/utf8.ts';
import { SessionError } from './errorReport.ts';
import type { TextFacts, TextSource, TextUse } from './protocol.ts';

export interface LoadedText {
  readonly name: string;
  readonly text: string;
}

/**
 * @throws SessionError TEXT_UNAVAILABLE
 * @throws EngineError BAD_TEXT when a file is not UTF-8 text, is empty or too large
 */
export async function loadText(source: TextSource): Promise<LoadedText> {
  if (source.kind === 'own') {
    return { name: source.file.name, text: decodeUtf8(await readFile(source.file)) };
  }
  const load = async (id: FileTextId) => decodeUtf8(await download(`${source.folder}${id}.txt`));
  return { name: BUILTIN_TEXTS[source.id].title, text: await loadBuiltinText(source.id, load) };
}

/** @throws EngineError TEXT_TOO_SHORT for the context */
export function toDataset({ name, text }: LoadedText, { tokenizer, context }: TextUse): Dataset {
  return createDataset(text, { name, tokenizer, context });
}

export function textFacts({ name, bytes, train, validation, tokenizer }: Dataset): TextFacts {
  return { name, bytes, tokens: train.length + validation.length, vocabulary: tokenizer.vocabulary };
}

/** What a sample starts from when nobody gave a beginning: a fresh line, as nanoGPT does. */
export function neutralPrompt(text: string): string {
  return text.includes('\n') ? '\n' : String.fromCodePoint(text.codePointAt(0) ?? 0x20);
}

async function download(url: string): Promise<Uint8Array> {
  const unavailable = (why: string) =>
    new SessionError(
      'TEXT_UNAVAILABLE',
      `The text at ${url} could not be loaded: ${why}.`,
      'Check that the whole site is served, texts included, or use a text of your own.',
    );
  const response = await fetch(url).catch((cause: unknown) => {
    throw unavailable(cause instanceof Error ? cause.message : 'no connection');
  });
  if (!response.ok) throw unavailable(`HTTP ${response.status}`);
  // Servers with a fallback page answer 200 for what they do not have.
  if (response.headers.get('content-type')?.includes('text/html')) throw unavailable('a web page came back');
  return new Uint8Array(await response.arrayBuffer());
}

async function readFile(file: File): Promise<Uint8Array> {
  checkTextSize(file.size); // before reading: a file of many gigabytes would close the tab
  try {
    return new Uint8Array(await file.arrayBuffer());
  } catch {
    throw new SessionError(
      'TEXT_UNAVAILABLE',
      `"${file.name}" cannot be read.`,
      'It was moved or changed since you chose it, or it is a folder: choose a file again.',
    );
  }
}
