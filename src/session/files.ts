/**
 * Opens models and saved runs from the visitor's files. They are read in place, so that a large file takes no memory.
 */
import {
  blobSource,
  choiceOf,
  filesBeside,
  isRun,
  type ModelFile,
  openModel,
  openRun,
  type RunFile,
  type TokenizerJson,
} from '../engine/index.ts';
import { savedFacts } from './autosave.ts';
import { errorReport, SessionError } from './errorReport.ts';
import type { OpenedFile, SessionCommand, SessionEvent } from './protocol.ts';

export type Opened =
  | { readonly kind: 'model'; readonly model: ModelFile }
  | { readonly kind: 'run'; readonly run: RunFile };

/** Keeps the newest file that could be opened. */
export class OpenFiles {
  readonly #post: (event: SessionEvent) => void;
  #newest: { readonly id: number; readonly opened: Opened } | null = null;

  constructor(post: (event: SessionEvent) => void) {
    this.#post = post;
  }

  /** Reports what a file contains, without reading its weights. */
  async open(command: Extract<SessionCommand, { type: 'openFile' }>): Promise<void> {
    const { id, file } = command;
    try {
      const source = blobSource(file.name, file);
      const opened: Opened = (await isRun(source))
        ? { kind: 'run', run: await openRun(source) }
        : { kind: 'model', model: await openModel(source, filesBeside(command)) };
      this.#newest = { id, opened };
      this.#post({ type: 'fileOpened', id, file: factsOf(opened) });
    } catch (cause) {
      this.#post({ type: 'fileRefused', id, error: errorReport(cause) });
    }
  }

  /** @throws SessionError FILE_GONE when another file was opened since */
  get(id: number): Opened {
    if (this.#newest?.id === id) return this.#newest.opened;
    throw new SessionError('FILE_GONE', 'The file is no longer open.', 'Choose it again.');
  }

  /** The tokenizer of the file's model or run; null where one is built from the text. */
  tokenizer(id: number | undefined): TokenizerJson | null {
    if (id === undefined) return null;
    const opened = this.get(id);
    return opened.kind === 'run' ? opened.run.description.tokenizer : opened.model.tokenizer;
  }
}

function factsOf(opened: Opened): OpenedFile {
  if (opened.kind === 'run')
    return { kind: 'run', name: opened.run.file.source.name, saved: savedFacts(opened.run) };
  const { name, shape, heads, tokenizer, likelyTokenizer, notes } = opened.model;
  return {
    ...{ kind: 'model', name, shape, heads, likelyTokenizer, notes },
    tokenizer: tokenizer && choiceOf(tokenizer),
  };
}
