/** The visitor's files of models and saved runs, and the files that the page exports. */
import { create } from 'zustand';
import type { ErrorReport, OpenedFile, SessionEvent } from '../session/protocol.ts';

interface FilesState {
  readonly opened:
    | { readonly state: 'none' }
    | { readonly state: 'reading'; readonly id: number; readonly name: string }
    | { readonly state: 'ready'; readonly id: number; readonly file: OpenedFile }
    | { readonly state: 'refused'; readonly name: string; readonly error: ErrorReport };
  /** Whether an export is in progress. */
  readonly exporting: boolean;
  /** The finished file, to be handed to the visitor. */
  readonly made: { readonly name: string; readonly content: Blob } | null;
  readonly exportError: ErrorReport | null;
}

export const useFiles = create<FilesState>()(() => ({
  opened: { state: 'none' },
  exporting: false,
  made: null,
  exportError: null,
}));

type FileEvent = Extract<SessionEvent, { type: 'fileOpened' | 'fileRefused' | 'exported' | 'exportRefused' }>;

/** Applies the worker's events about files. Events about a file that was replaced meanwhile are ignored. */
export function applyFileEvent(event: FileEvent): void {
  const { opened } = useFiles.getState();
  switch (event.type) {
    case 'fileOpened':
    case 'fileRefused':
      if (opened.state !== 'reading' || opened.id !== event.id) return;
      useFiles.setState({
        opened:
          event.type === 'fileOpened'
            ? { state: 'ready', id: event.id, file: event.file }
            : { state: 'refused', name: opened.name, error: event.error },
      });
      break;
    case 'exported':
      useFiles.setState({ exporting: false, made: event });
      break;
    case 'exportRefused':
      useFiles.setState({ exporting: false, exportError: event.error });
      break;
  }
}
