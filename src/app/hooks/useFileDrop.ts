import { useEffect, useState } from 'react';

const always = () => true;

/**
 * Lets files be dropped anywhere on the page. Returns true while one is dragged over it, whether or not it would be
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
      const all = [...(event.dataTransfer?.files ?? [])];
      if (all[0] && ready()) take(all[0], all);
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
