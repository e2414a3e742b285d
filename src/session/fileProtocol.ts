/** What the worker says of files: of the visitor's, of those that are downloaded, and of the page's private storage. */
import type { RunDescription, TokenizerChoice, WeightsShape } from '../engine/index.ts';
import type { ErrorReport } from './errorReport.ts';
import type { Place } from './storage/places.ts';

/** A saved run, in a file of the visitor's or in the page's private storage. */
export interface SavedRun extends Pick<RunDescription, 'config' | 'text' | 'savedAt'> {
  /** Steps taken. */
  readonly step: number;
  readonly bytes: number;
  /** The lowest validation loss so far, where the run has kept the weights that had it. */
  readonly best?: { readonly step: number; readonly valLoss: number };
}

/** A run saved in the page's private storage. */
export interface StoredRun extends SavedRun {
  readonly place: Place;
  /** Whether it took all its steps or was ended in this visit. Others can be resumed. */
  readonly ended: boolean;
}

/** A run in the page's private storage that this version cannot read. It keeps its place until the visitor removes it. */
export interface UnreadableRun {
  readonly place: Place;
  /** The version of Halfstep that wrote it; null if it does not say. */
  readonly writer: string | null;
  /** Why it cannot be read. */
  readonly error: ErrorReport;
  /** Whether it can be exported as a run file. */
  readonly exported: boolean;
}

/** The file of a model that is being downloaded. */
export interface FileProgress {
  readonly name: string;
  readonly bytes: number;
  /** Null where the server does not state it. */
  readonly size: number | null;
  /** Its place among the files of weights, from 1, and their number. */
  readonly part: number;
  readonly parts: number;
  /** Whether its server can send the rest after a break; null before its first answer. */
  readonly resumable: boolean | null;
}

/** The contents of a visitor's file: the weights of a model, or a run to resume. */
export type OpenedFile =
  | {
      readonly kind: 'model';
      readonly name: string;
      readonly shape: WeightsShape;
      /** Null where neither the file nor a configuration beside it states it. */
      readonly heads: number | null;
      /** Null where the model comes without one, so that the text's tokenizer is used. */
      readonly tokenizer: TokenizerChoice | null;
      /** The tokenizer that the vocabulary size suggests, where the model comes without one. */
      readonly likelyTokenizer: TokenizerChoice | null;
      /** Sentences about what was assumed of the model and which files beside it were ignored. */
      readonly notes: readonly string[];
    }
  | { readonly kind: 'run'; readonly name: string; readonly saved: SavedRun };
