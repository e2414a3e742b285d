import { useEffect, useState } from 'react';
import { takeOwnText } from '../../store/actions.ts';
import { isBusy, useRun } from '../../store/runStore.ts';

/** Lets a text file be dropped anywhere on the page. True while one is held over it. */
export function useFileDrop(): boolean {
  const [over, setOver] = useState(false);
  useEffect(() => {
    const carriesFile = (event: DragEvent) => event.dataTransfer?.types.includes('Files') ?? false;
    const hover = (event: DragEvent) => {
      if (!carriesFile(event)) return;
      event.preventDefault(); // else the browser opens the file instead of the page
      setOver(!isBusy(useRun.getState().status));
    };
    const leave = (event: DragEvent) => {
      if (event.relatedTarget === null) setOver(false);
    };
    const drop = (event: DragEvent) => {
      if (!carriesFile(event)) return;
      event.preventDefault();
      setOver(false);
      const file = event.dataTransfer?.files[0];
      if (file && !isBusy(useRun.getState().status)) takeOwnText(file);
    };
    document.addEventListener('dragover', hover);
    document.addEventListener('dragleave', leave);
    document.addEventListener('drop', drop);
    return () => {
      document.removeEventListener('dragover', hover);
      document.removeEventListener('dragleave', leave);
      document.removeEventListener('drop', drop);
    };
  }, []);
  return over;
}
