import { openFiles } from '../../store/fileActions.ts';
import { isBusy, useRun } from '../../store/runStore.ts';
import styles from './OwnText.module.css';

/** For who does not drop files: the weights of a model, or a saved run. */
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
          target.value = ''; // the same file can be chosen again
        }}
        data-testid="model-file-input"
      />
      <span>
        <strong>Choose a .safetensors file</strong>, or drop one anywhere on this page: a GPT-2 to start from,
        with its config.json and tokenizer.json where it has them, or a run that Halfstep saved.
      </span>
    </label>
  );
}
