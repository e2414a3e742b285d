/** Files of models and saved runs that the visitor gives, and those that the page makes of its runs. */
import { create } from 'zustand';
import type { ErrorReport, OpenedFile, SessionEvent } from '../session/protocol.ts';

interface FilesState {
  readonly opened:
    | { readonly state: 'none' }
    | { readonly state: 'reading'; readonly id: number; readonly name: string }
    | { readonly state: 'ready'; readonly id: number; readonly file: OpenedFile }
    | { readonly state: 'refused'; readonly name: string; readonly error: ErrorReport };
  /** A file was asked for and is not there yet. */
  readonly exporting: boolean;
  /** A file that is to be handed to the visitor. */
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

/** What the worker says of files; of one that another has taken the place of, nothing is taken. */
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
