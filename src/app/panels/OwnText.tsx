import { useState } from 'react';
import { cancelText, takeTextFrom } from '../../store/actions.ts';
import type { OwnText } from '../../store/settingsStore.ts';
import { textFactsLine, textProgressLine, textShare } from '../textMessages.ts';
import { Button } from '../ui/Button.tsx';
import { TextField } from '../ui/Field.tsx';
import { ErrorNote } from '../ui/Note.tsx';
import styles from './OwnText.module.css';

/** A text from an address. Only the address's own server hears of it. */
export function AddressForm() {
  const [address, setAddress] = useState('');
  return (
    <form
      className={styles.address}
      onSubmit={(event) => {
        event.preventDefault();
        if (address.trim() !== '') takeTextFrom(address);
      }}
    >
      <TextField
        label="Or from an address"
        inputMode="url"
        placeholder="https://"
        value={address}
        onChange={(event) => setAddress(event.target.value)}
        data-testid="text-url"
      />
      <Button type="submit" disabled={address.trim() === ''} data-testid="text-url-load">
        Load
      </Button>
    </form>
  );
}

export function OwnTextState({ ownText }: { ownText: OwnText }) {
  switch (ownText.state) {
    case 'none':
      return null;
    case 'checking':
      return <Reading {...ownText} />;
    case 'refused':
      return <ErrorNote error={ownText.error} testId="own-error" />;
    case 'ready':
      return (
        <p className={styles.state} data-testid="own-ready">
          <strong>{ownText.facts.name}</strong>: {textFactsLine(ownText.facts)}
        </p>
      );
  }
}

function Reading({ name, progress }: Extract<OwnText, { state: 'checking' }>) {
  const share = textShare(progress);
  return (
    <div className={styles.reading} data-testid="text-progress">
      <p className={styles.state}>
        <strong>{name}</strong>
      </p>
      {/* Without a value the bar shows that something is going on, but not how far it is. */}
      <progress max={1} {...(share !== null && { value: share })} aria-label={`Reading ${name}`} />
      <p className={styles.state}>{textProgressLine(progress)}</p>
      <Button onClick={cancelText} data-testid="text-cancel">
        Cancel
      </Button>
    </div>
  );
}
