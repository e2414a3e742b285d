import { useEffect, useState } from 'react';

const always = () => true;

/**
 * Lets files and folders be dropped anywhere on the page. Returns true while one is dragged over it, whether or not it would be
 * accepted. Both functions must keep their identity between renders.
 */
export function useFileDrop(
  take: (file: File, all: readonly File[]) => void,
  ready: () => boolean = always,
): boolean {
  const [over, setOver] = useState(false);
  useEffect(() => {
    const carriesFile = (event: DragEvent) => event.dataTransfer?.types.includes('Files') ?? false;
    const hover = (event: DragEvent) => {
      if (!carriesFile(event)) return;
      event.preventDefault(); // otherwise the browser would open the file
      event.dataTransfer!.dropEffect = ready() ? 'copy' : 'none';
      setOver(true);
    };
    const leave = (event: DragEvent) => {
      if (event.relatedTarget === null) setOver(false);
    };
    const drop = (event: DragEvent) => {
      if (!carriesFile(event)) return;
      event.preventDefault();
      setOver(false);
      if (!ready()) return;
      const taken = (all: readonly File[]) => all[0] && take(all[0], all);
      // Entries exist only during the event; those of made-up events are null.
      const entries = [...(event.dataTransfer?.items ?? [])].flatMap((item) => item.webkitGetAsEntry() ?? []);
      if (entries.some(({ isDirectory }) => isDirectory)) {
        void import('../features/files/droppedFolder.ts').then(({ filesIn }) => filesIn(entries)).then(taken);
      } else taken([...(event.dataTransfer?.files ?? [])]);
    };
    document.addEventListener('dragover', hover);
    document.addEventListener('dragleave', leave);
    document.addEventListener('drop', drop);
    return () => {
      document.removeEventListener('dragover', hover);
      document.removeEventListener('dragleave', leave);
      document.removeEventListener('drop', drop);
    };
  }, [take, ready]);
  return over;
}
