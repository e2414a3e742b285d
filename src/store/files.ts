/** The visitor's files of models and saved runs, and the files that the page exports. */
import { create } from 'zustand';
import type { PrecisionMode, Score } from '../engine/index.ts';
import type { ErrorReport, FileProgress, OpenedFile, SessionEvent } from '../session/protocol.ts';

/** A model that is being downloaded. */
export interface Loading {
  readonly state: 'loading';
  readonly id: number;
  readonly address: string;
  /** Null until the first request. */
  readonly progress: FileProgress | null;
}

/** The score of a text with the opened model. */
type Scoring =
  | { readonly state: 'none' }
  | { readonly state: 'scoring' }
  | { readonly state: 'scored'; readonly score: Score; readonly precision: PrecisionMode }
  | { readonly state: 'refused'; readonly error: ErrorReport };

interface FilesState {
  readonly opened:
    | { readonly state: 'none' }
    | { readonly state: 'reading'; readonly id: number; readonly name: string }
    | Loading
    /** The visitor ended the download. */
    | (Omit<Loading, 'state' | 'id'> & { readonly state: 'stopped' })
    | { readonly state: 'ready'; readonly id: number; readonly file: OpenedFile }
    | {
        readonly state: 'refused';
        readonly error: ErrorReport;
        /** From which it can be loaded again; null for files of the visitor's. */
        readonly address: string | null;
      };
  readonly scoring: Scoring;
  /** Whether an export is in progress. */
  readonly exporting: boolean;
  /** The finished file, to be handed to the visitor. */
  readonly made: { readonly name: string; readonly content: Blob } | null;
  readonly exportError: ErrorReport | null;
}

export const useFiles = create<FilesState>()(() => ({
  opened: { state: 'none' },
  scoring: { state: 'none' },
  exporting: false,
  made: null,
  exportError: null,
}));

/** The finished file was handed to the visitor. */
export function forgetMade(): void {
  useFiles.setState({ made: null });
}

type FileEvent = Extract<
  SessionEvent,
  { type: `file${string}` | `export${string}` | 'textScored' | `score${string}` }
>;

/** Applies the worker's events about files. Events about a file that was replaced meanwhile are ignored. */
export function applyFileEvent(event: FileEvent): void {
  const { opened } = useFiles.getState();
  switch (event.type) {
    case 'fileProgress':
      if (opened.state !== 'loading' || opened.id !== event.id) return;
      useFiles.setState({ opened: { ...opened, progress: event.progress } });
      break;
    case 'fileOpened':
    case 'fileRefused':
      if ((opened.state !== 'reading' && opened.state !== 'loading') || opened.id !== event.id) return;
      useFiles.setState({
        opened:
          event.type === 'fileOpened'
            ? { state: 'ready', id: event.id, file: event.file }
            : {
                state: 'refused',
                error: event.error,
                address: opened.state === 'loading' ? opened.address : null,
              },
      });
      break;
    case 'textScored':
    case 'scoreRefused':
    case 'scoreCancelled':
      if (opened.state === 'ready' && opened.id === event.id)
        useFiles.setState({ scoring: scoringAfter(event) });
      break;
    case 'exported':
      useFiles.setState({ exporting: false, made: event });
      break;
    case 'exportRefused':
      useFiles.setState({ exporting: false, exportError: event.error });
      break;
  }
}

function scoringAfter(
  event: Extract<FileEvent, { type: 'textScored' | 'scoreRefused' | 'scoreCancelled' }>,
): Scoring {
  if (event.type === 'scoreCancelled') return { state: 'none' };
  if (event.type === 'scoreRefused') return { state: 'refused', error: event.error };
  return { state: 'scored', score: event.score, precision: event.precision };
}
