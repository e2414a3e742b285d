import { errorReport } from './errorReport.ts';
import type { OpenFiles } from './files.ts';
import { ModelDownload } from './modelDownload.ts';
import type { FileProgress, SessionCommand, SessionEvent } from './protocol.ts';

/** The page redraws four times a second. */
const INTERVAL_MS = 250;

type LoadCommand = Extract<SessionCommand, { type: 'loadModel' | 'cancelFile' }>;

/** Downloads and opens models, one at a time: a new one aborts the one before. */
export class ModelLoading {
  readonly #post: (event: SessionEvent) => void;
  readonly #files: OpenFiles;
  /** Of the address that was loaded last, until it has been opened. */
  #download: ModelDownload | null = null;
  #abort = new AbortController();

  constructor(post: (event: SessionEvent) => void, files: OpenFiles) {
    this.#post = post;
    this.#files = files;
  }

  handle(command: LoadCommand): void {
    this.#abort.abort();
    if (command.type === 'loadModel') {
      this.#abort = new AbortController();
      void this.#load(command, this.#abort.signal);
    } else if (!command.keep) this.#download = null;
  }

  async #load(
    { id, address }: Extract<LoadCommand, { type: 'loadModel' }>,
    signal: AbortSignal,
  ): Promise<void> {
    try {
      if (this.#download?.address !== address) this.#download = new ModelDownload(address);
      const files = await this.#download.load(signal, this.#reporter(id));
      this.#download = null;
      await this.#files.open({ type: 'openFile', id, ...files });
    } catch (cause) {
      if (!signal.aborted) this.#post({ type: 'fileRefused', id, error: errorReport(cause) });
    }
  }

  /** Posts the first figures of each file at once. */
  #reporter(id: number): (progress: FileProgress) => void {
    let last = { at: Number.NEGATIVE_INFINITY, name: '', resumable: null as boolean | null };
    return (progress) => {
      const { name, resumable } = progress;
      const at = performance.now();
      if (name === last.name && resumable === last.resumable && at - last.at < INTERVAL_MS) return;
      last = { at, name, resumable };
      this.#post({ type: 'fileProgress', id, progress });
    };
  }
}
