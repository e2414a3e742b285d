import { tokenizerOfModel } from '../engine/index.ts';
import { downloadText } from './download.ts';
import { errorReport } from './errorReport.ts';
import type { OpenFiles } from './files.ts';
import type { SessionCommand, SessionEvent, TextProgress, TextUse } from './protocol.ts';
import { type TextShelf, textFacts } from './texts.ts';

/** The page redraws four times a second. */
const INTERVAL_MS = 250;

type TextCommand = Extract<SessionCommand, { type: 'checkText' | 'loadText' | 'cancelText' }>;

/** Reads the visitor's texts onto the shelf, one at a time: a new text aborts the reading of the one before. */
export class TextCheck {
  readonly #post: (event: SessionEvent) => void;
  readonly #shelf: TextShelf;
  readonly #files: OpenFiles;
  #current: { readonly id: number; readonly abort: AbortController } | null = null;

  constructor(post: (event: SessionEvent) => void, shelf: TextShelf, files: OpenFiles) {
    this.#post = post;
    this.#shelf = shelf;
    this.#files = files;
  }

  handle(command: TextCommand): void {
    if (command.type === 'cancelText') {
      if (this.#current?.id === command.id) this.#current.abort.abort();
      return;
    }
    this.#current?.abort.abort();
    const abort = new AbortController();
    this.#current = { id: command.id, abort };
    void this.#read(command, abort.signal);
  }

  async #read(command: Exclude<TextCommand, { type: 'cancelText' }>, signal: AbortSignal): Promise<void> {
    const { id, use } = command;
    const report = this.#reporter(id);
    try {
      const file =
        command.type === 'checkText'
          ? command.file
          : await downloadText(command.address, {
              signal,
              onProgress: (bytes, size) => report({ stage: 'downloading', bytes, size }),
            });
      await this.#check(id, file, use, signal, report);
    } catch (cause) {
      if (!signal.aborted) this.#post({ type: 'textRefused', id, error: errorReport(cause) });
    }
  }

  async #check(
    id: number,
    file: File,
    use: TextUse,
    signal: AbortSignal,
    report: (progress: TextProgress) => void,
  ): Promise<void> {
    const own = this.#files.tokenizer(use.from);
    const tokenizer = own ? tokenizerOfModel(own, use.tokenizer) : use.tokenizer;
    const { context } = use;
    const dataset = await this.#shelf.dataset(
      { kind: 'own', id, file },
      { tokenizer, context },
      { onProgress: report, signal },
    );
    this.#post({ type: 'textChecked', id, facts: textFacts(dataset), file });
  }

  #reporter(id: number): (progress: TextProgress) => void {
    let last = performance.now();
    return (progress) => {
      const now = performance.now();
      if (now - last < INTERVAL_MS) return;
      last = now;
      this.#post({ type: 'textProgress', id, progress });
    };
  }
}
