import { useEffect, useState } from 'react';

const always = () => true;

/**
 * Lets files be dropped anywhere on the page. True while one is held over it, whether or not it would be taken.
 * Both functions must stay the same from one render to the next.
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
      event.preventDefault(); // else the browser opens the file instead of the page
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
