import { useState } from 'react';
import type { TokenizerChoice } from '../../../engine/index.ts';
import type { TextFacts } from '../../../session/protocol.ts';
import { cancelText, takeOwnText, takeTextFrom } from '../../../store/actions.ts';
import { firstConfig } from '../../../store/settings.ts';
import { type OwnText as OwnTextOf, useSettings } from '../../../store/settingsStore.ts';
import { Button } from '../../ui/Button.tsx';
import { ErrorNote } from '../../ui/Note.tsx';
import { AddressForm } from '../files/AddressForm.tsx';
import styles from './OwnText.module.css';
import { readingLine, textFactsLine, textProgressLine, textShare } from './textMessages.ts';

interface OwnTextProps {
  readonly onFile?: (file: File) => void;
  readonly onAddress?: (address: string) => void;
}

/** Lets the visitor choose a text: a file, an address, or pasted text. */
export default function OwnText({ onFile = takeOwnText, onAddress = takeTextFrom }: OwnTextProps) {
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
            if (file) onFile(file);
            event.target.value = ''; // so that the same file can be chosen again after it was corrected
          }}
          data-testid="own-file"
        />
        <span>
          <strong>Choose a text file</strong>, or drop one anywhere on this page
        </span>
      </label>
      <AddressForm onLoad={onAddress} testId="text-url" />
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
          onClick={() => onFile(new File([pasted], 'Pasted text', { type: 'text/plain' }))}
          data-testid="own-paste-use"
        >
          Use this text
        </Button>
      </details>
    </div>
  );
}

function OwnTextState({ ownText }: { ownText: OwnTextOf }) {
  const tokenizer = useSettings(({ settings }) => firstConfig(settings).tokenizer);
  switch (ownText.state) {
    case 'none':
      return null;
    case 'checking':
      return <Reading {...ownText} />;
    case 'refused':
      return <ErrorNote error={ownText.error} testId="own-error" />;
    case 'ready':
      return (
        <>
          <p className={styles.state} data-testid="own-ready">
            <strong>{ownText.facts.name}</strong>
            <span>{`: ${textFactsLine(ownText.facts, tokenizer)}`}</span>
          </p>
          <ReadingNote facts={ownText.facts} tokenizer={tokenizer} />
        </>
      );
  }
}

/** Points out what may be unexpected about how the text was read. */
function ReadingNote({ facts, tokenizer }: { facts: TextFacts; tokenizer: TokenizerChoice }) {
  const choose = useSettings((state) => state.choose);
  const line = readingLine(facts, tokenizer);
  const endsText = tokenizer === 'gpt2-eot';
  return (
    line !== null && (
      <div className={styles.reading} data-testid="own-reading">
        <p className={styles.state}>{line}</p>
        {facts.endMarks > 0 && (endsText || tokenizer === 'gpt2') && (
          <label className={styles.check}>
            <input
              type="checkbox"
              checked={endsText}
              onChange={({ target }) => choose({ tokenizer: target.checked ? 'gpt2-eot' : 'gpt2' })}
              data-testid="own-end-marks"
            />
            Treat it as the end of a document
          </label>
        )}
      </div>
    )
  );
}

function Reading({ name, progress }: Extract<OwnTextOf, { state: 'checking' }>) {
  const share = textShare(progress);
  return (
    <div className={styles.reading} data-testid="text-progress">
      <p className={styles.state}>
        <strong>{name}</strong>
      </p>
      {/* Without a value the bar shows activity but no progress. */}
      <progress max={1} {...(share !== null && { value: share })} aria-label={`Reading ${name}`} />
      <p className={styles.state}>{textProgressLine(progress)}</p>
      <Button onClick={cancelText} data-testid="text-cancel">
        Cancel
      </Button>
    </div>
  );
}
