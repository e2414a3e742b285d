import { useState } from 'react';
import { BUILTIN_TEXTS, TEXT_IDS } from '../../engine/data/builtins.ts';
import { takeOwnText } from '../../store/actions.ts';
import type { TextChoice } from '../../store/settings.ts';
import { useSettings } from '../../store/settingsStore.ts';
import { Button } from '../ui/Button.tsx';
import { SelectField } from '../ui/Field.tsx';
import { AddressForm, OwnTextState } from './OwnText.tsx';
import styles from './TextSettings.module.css';

export function textTitle(choice: TextChoice): string {
  return choice === 'own' ? 'Your own text' : BUILTIN_TEXTS[choice].title;
}

export function TextSettings() {
  const text = useSettings((state) => state.settings.text);
  const choose = useSettings((state) => state.choose);
  return (
    <>
      <SelectField
        label="Text"
        value={text}
        onChange={(event) => choose({ text: event.target.value as TextChoice })}
        help={text === 'own' ? 'A file or a paste stays on this device.' : BUILTIN_TEXTS[text].summary}
        data-testid="text"
      >
        {TEXT_IDS.map((id) => (
          <option key={id} value={id}>
            {textTitle(id)}
          </option>
        ))}
        <option value="own">{textTitle('own')}…</option>
      </SelectField>
      {text === 'own' && <OwnTextSettings />}
    </>
  );
}

function OwnTextSettings() {
  const ownText = useSettings((state) => state.ownText);
  const [pasted, setPasted] = useState('');
  return (
    <div className={styles.own}>
      <label className={styles.file}>
        <input
          type="file"
          className="visuallyHidden"
          accept=".txt,.md,.csv,.json,text/*"
          onChange={(event) => {
            const file = event.target.files?.[0];
            if (file) takeOwnText(file);
            event.target.value = ''; // the same file can be chosen again after it was corrected
          }}
          data-testid="own-file"
        />
        <span>
          <strong>Choose a text file</strong>, or drop one anywhere on this page
        </span>
      </label>
      <AddressForm />
      <OwnTextState ownText={ownText} />
      <details>
        <summary className={styles.paste}>Paste a text instead</summary>
        <textarea
          className={styles.area}
          rows={5}
          aria-label="Text to train on"
          value={pasted}
          onChange={(event) => setPasted(event.target.value)}
          data-testid="own-paste"
        />
        <Button
          disabled={pasted === ''}
          onClick={() => takeOwnText(new File([pasted], 'Pasted text', { type: 'text/plain' }))}
          data-testid="own-paste-use"
        >
          Use this text
        </Button>
      </details>
    </div>
  );
}
