import { openFiles } from '../../store/fileActions.ts';
import { isBusy, useRun } from '../../store/runStore.ts';
import styles from './OwnText.module.css';

/** File input for the weights of a model or a saved run, the alternative to drag and drop. */
export default function FilePicker() {
  const busy = useRun((state) => isBusy(state.status));
  return (
    <label className={styles.file}>
      <input
        type="file"
        className="visuallyHidden"
        accept=".safetensors,.json"
        multiple
        disabled={busy}
        onChange={({ target }) => {
          const files = [...(target.files ?? [])];
          if (files.length > 0) openFiles(files);
          target.value = ''; // so that the same file can be chosen again
        }}
        data-testid="model-file-input"
      />
      <span>
        <strong>Choose a .safetensors file</strong>, or drop one anywhere on this page: a GPT-2 to start from,
        with its config.json and tokenizer.json if it has them, or a run saved by Halfstep.
      </span>
    </label>
  );
}
