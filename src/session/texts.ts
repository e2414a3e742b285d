/** The texts of the page: each is read and tokenized once, and its tokens stay for the next run. */
import {
  builtinStream,
  checkFingerprint,
  checkText,
  checkVocabulary,
  type Dataset,
  type FileTextId,
  type ModelFile,
  otherTokens,
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

/** Keeps the tokens of the newest text of each kind: a comparison, a longer run or a new seed reads nothing again. */
export class TextShelf {
  readonly #kept = new Map<TextSource['kind'], Shelved>();

  /**
   * @param tokenizer one that is made for the text, or one that exists already
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
      this.#kept.delete(source.kind); // before the next one, which may be as large, takes its memory
      kept = { key, text: await tokenize(await streamFrom(source), tokenizer, options) };
      this.#kept.set(source.kind, kept);
    }
    return splitText(kept.text, context);
  }
}

/** What runs start from, where it is not their seed. */
export interface Start {
  /** The run that is gone on with. */
  readonly resume: RunFile | undefined;
  readonly model: ModelFile | null;
  /** A text of fewer tokens than the model has is filled up to them. */
  readonly fill?: boolean | undefined;
}

/**
 * The text that runs are trained on, read as what they start from reads it. Configurations of a comparison do not differ
 * in that.
 * @throws the signal's reason when it is aborted; what `TextShelf.dataset` throws; EngineError WRONG_RUN where the run was trained on another text, WRONG_MODEL
 * where the model has not the text's vocabulary
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
    // Another text is refused as such, not for characters that the tokenizer lacks.
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
  const other = otherTokens(dataset);
  return {
    ...{ name, bytes, tokens, vocabulary: tokenizer.vocabulary, checksum, endMarks, unlearned },
    ...(other && { otherTokens: other }),
  };
}

/** Reads a text again, from where it came. */
export async function streamFrom(source: TextSource): Promise<TextStream> {
  if (source.kind === 'own') return fileStream(source.file);
  return builtinStream(source.id, (id: FileTextId) => loadBuiltin(`${source.folder}${id}.txt`));
}

function fileStream(file: File): TextStream {
  return { name: file.name, size: file.size, open: () => chunksOf(file) };
}

async function* chunksOf(file: File): AsyncGenerator<Uint8Array> {
  // Not `for await`: Safari's streams are not iterable.
  const reader = file.stream().getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read().catch(() => {
        throw new SessionError(
          'TEXT_UNAVAILABLE',
          `"${file.name}" cannot be read.`,
          'It was moved or changed since you chose it, or it is a folder: choose a file again.',
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
      'Check that the whole site is served, texts included, or use a text of your own.',
    );
  const response = await fetch(url).catch((cause: unknown) => {
    throw unavailable(cause instanceof Error ? cause.message : 'no connection');
  });
  // Servers with a fallback page answer 200 for what they do not have.
  const isPage = response.headers.get('content-type')?.includes('text/html');
  if (!response.ok || isPage) {
    await response.body?.cancel();
    throw unavailable(response.ok ? 'a web page came back' : `HTTP ${response.status}`);
  }
  return new Uint8Array(await response.arrayBuffer());
}
