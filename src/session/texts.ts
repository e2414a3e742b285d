/** The page's texts: each is read and tokenized once, and its tokens are kept for the next run. */
import {
  builtinStream,
  changedTokens,
  checkFingerprint,
  checkText,
  checkVocabulary,
  type Dataset,
  type FileTextId,
  type ModelFile,
  type RunFile,
  splitText,
  type TextStream,
  type TokenizedText,
  type TokenizeOptions,
  type TokenizerChoice,
  type TokenizerJson,
  type TrainConfig,
  tokenize,
  tokenizerOfModel,
} from '../engine/index.ts';
import { SessionError } from './errorReport.ts';
import type { TextFacts, TextSource } from './protocol.ts';

interface Shelved {
  readonly key: string;
  readonly text: TokenizedText;
}

/**
 * Keeps the tokens of the newest text of each kind, so that a comparison, a longer run or a new seed does not read it
 * again.
 */
export class TextShelf {
  readonly #kept = new Map<TextSource['kind'], Shelved>();

  /**
   * @param tokenizer the kind to build from the text, or an existing tokenizer
   * @throws SessionError TEXT_UNAVAILABLE
   * @throws EngineError BAD_TEXT, or TEXT_TOO_SHORT for the context
   */
  async dataset(
    source: TextSource,
    { tokenizer, context }: { readonly tokenizer: TokenizerChoice | TokenizerJson; readonly context: number },
    options?: TokenizeOptions,
  ): Promise<Dataset> {
    const key = `${source.id} ${typeof tokenizer === 'string' ? tokenizer : JSON.stringify(tokenizer)}`;
    let kept = this.#kept.get(source.kind);
    if (kept?.key !== key) {
      this.#kept.delete(source.kind); // frees its memory before the next text, which may be as large, is read
      kept = { key, text: await tokenize(await streamFrom(source), tokenizer, options) };
      this.#kept.set(source.kind, kept);
    }
    return splitText(kept.text, context);
  }
}

/** What runs start from, if not from their seed. */
export interface Start {
  /** The run to continue. */
  readonly resume: RunFile | undefined;
  readonly model: ModelFile | null;
  /** Whether a text with a smaller vocabulary than the model is padded to the model's. */
  readonly fill?: boolean | undefined;
}

/**
 * Reads the text that runs are trained on, with the tokenizer of what they start from. All configurations of a
 * comparison use the same one.
 * @throws the signal's reason when it is aborted; what `TextShelf.dataset` throws; EngineError WRONG_RUN when the run
 * was trained on another text, WRONG_MODEL when the model's vocabulary differs from the text's
 */
export async function trainingText(
  shelf: TextShelf,
  source: TextSource,
  { tokenizer, context }: TrainConfig,
  { resume, model, fill = false }: Start,
  signal: AbortSignal,
): Promise<Dataset> {
  const dataset = await shelf.dataset(
    source,
    {
      tokenizer:
        resume?.description.tokenizer ??
        (model?.tokenizer ? tokenizerOfModel(model.tokenizer, tokenizer) : tokenizer),
      context,
    },
    // The checksum is compared first, so that another text is refused as such and not for characters that the tokenizer
    // lacks.
    {
      signal,
      onFingerprint: (checksum) => resume && checkFingerprint(resume, { name: 'The chosen text', checksum }),
    },
  );
  if (resume) checkText(resume, dataset);
  if (model) {
    checkVocabulary(
      model,
      dataset.tokenizer,
      fill ? null : `Vocabulary ${model.shape.vocabulary} under Data`,
    );
  }
  return dataset;
}

export function textFacts(dataset: Dataset): TextFacts {
  const { name, bytes, train, validation, tokenizer, checksum, reading } = dataset;
  const tokens = train.length + validation.length;
  const { endMarks, unlearned } = reading;
  const other = changedTokens(dataset);
  return {
    ...{ name, bytes, tokens, vocabulary: tokenizer.vocabulary, checksum, endMarks, unlearned },
    ...(other && { changedTokens: other }),
  };
}

/** Reads a text again from its source. */
export async function streamFrom(source: TextSource): Promise<TextStream> {
  if (source.kind === 'own') return fileStream(source.file);
  return builtinStream(source.id, (id: FileTextId) => loadBuiltin(`${source.folder}${id}.txt`));
}

function fileStream(file: File): TextStream {
  return { name: file.name, size: file.size, open: () => chunksOf(file) };
}

async function* chunksOf(file: File): AsyncGenerator<Uint8Array> {
  // Not `for await`, because Safari's streams are not iterable.
  const reader = file.stream().getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read().catch(() => {
        throw new SessionError(
          'TEXT_UNAVAILABLE',
          `"${file.name}" cannot be read.`,
          'It was moved or changed after you chose it, or it is a folder. Choose a file again.',
        );
      });
      if (done) return;
      yield value;
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

async function loadBuiltin(url: string): Promise<Uint8Array> {
  const unavailable = (why: string) =>
    new SessionError(
      'TEXT_UNAVAILABLE',
      `The text at ${url} could not be loaded: ${why}.`,
      'Check that the whole site is served, including its texts, or use a text of your own.',
    );
  const response = await fetch(url).catch((cause: unknown) => {
    throw unavailable(cause instanceof Error ? cause.message : 'no connection');
  });
  // Servers with a fallback page answer 200 for files they do not have.
  const isPage = response.headers.get('content-type')?.includes('text/html');
  if (!response.ok || isPage) {
    await response.body?.cancel();
    throw unavailable(response.ok ? 'the server sent a web page instead' : `HTTP ${response.status}`);
  }
  return new Uint8Array(await response.arrayBuffer());
}
