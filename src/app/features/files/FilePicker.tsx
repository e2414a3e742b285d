import type { ReactNode } from 'react';
import { openAddress, openFiles } from '../../../store/fileActions.ts';
import { isBusy, useRun } from '../../../store/runStore.ts';
import styles from '../text/OwnText.module.css';
import { AddressForm } from './AddressForm.tsx';

/** File inputs for a model or a saved run, the alternative to drag and drop, and a field for a model's address. */
export default function FilePicker() {
  const busy = useRun(isBusy);
  return (
    <div className={styles.own}>
      <Input accept=".safetensors,.gguf,.json" testId="model-file-input">
        <strong>Choose a .safetensors or .gguf file</strong>, or drop one anywhere on this page: a GPT-2,
        Llama, Mistral or Qwen to start from, with its config.json and tokenizer.json, or a run saved by
        Halfstep.
      </Input>
      <Input folder testId="model-folder-input">
        <strong>Choose a model's folder</strong>, or drop it: as it is on Hugging Face, in one file or in
        shards with their index.
      </Input>
      <AddressForm
        help="A folder with its files, a .gguf or .safetensors file, or a model's page on huggingface.co. Its server must allow other sites to read it."
        disabled={busy}
        onLoad={openAddress}
        testId="model-url"
      />
    </div>
  );
}

interface InputProps {
  readonly accept?: string;
  readonly folder?: boolean;
  readonly testId: string;
  readonly children: ReactNode;
}

function Input({ accept, folder = false, testId, children }: InputProps) {
  const busy = useRun(isBusy);
  return (
    <label className={styles.file}>
      <input
        type="file"
        className="visuallyHidden"
        accept={accept}
        multiple
        {...(folder && { webkitdirectory: '' })}
        disabled={busy}
        onChange={({ target }) => {
          const files = [...(target.files ?? [])].filter(isAtTop);
          if (files.length > 0) openFiles(files);
          target.value = ''; // so that the same file can be chosen again
        }}
        data-testid={testId}
      />
      <span>{children}</span>
    </label>
  );
}

/** Whether a file is not in a subfolder of the chosen one. */
function isAtTop({ webkitRelativePath: path }: File): boolean {
  return path.split('/').length <= 2;
}
