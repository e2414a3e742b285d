import { type ReactNode, useState } from 'react';
import { Button } from '../../ui/Button.tsx';
import { TextField } from '../../ui/Field.tsx';
import styles from '../text/OwnText.module.css';

interface AddressFormProps {
  readonly help?: ReactNode;
  readonly disabled?: boolean;
  readonly onLoad: (address: string) => void;
  /** Of the field; the button's has "-load" behind it. */
  readonly testId: string;
}

/** Loads something from an address. The request goes to that server only. */
export function AddressForm({ help, disabled = false, onLoad, testId }: AddressFormProps) {
  const [address, setAddress] = useState('');
  const empty = address.trim() === '';
  return (
    <form
      className={styles.address}
      onSubmit={(event) => {
        event.preventDefault();
        if (!empty && !disabled) onLoad(address);
      }}
    >
      <TextField
        label="Or from an address"
        inputMode="url"
        placeholder="https://"
        value={address}
        disabled={disabled}
        onChange={(event) => setAddress(event.target.value)}
        data-testid={testId}
      />
      <Button type="submit" disabled={empty || disabled} data-testid={`${testId}-load`}>
        Load
      </Button>
      {help && <p className={styles.addressHelp}>{help}</p>}
    </form>
  );
}
