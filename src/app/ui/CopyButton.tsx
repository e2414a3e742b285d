import { useState } from 'react';
import { Button } from './Button.tsx';
import styles from './CopyButton.module.css';

interface CopyButtonProps {
  label: string;
  /** Called when it is pressed. */
  text: () => string;
  disabled?: boolean;
  testId: string;
}

/** Copies a text. Without a clipboard, as on insecure pages, it shows the text to be copied by hand. */
export function CopyButton({ label, text, disabled, testId }: CopyButtonProps) {
  const [copied, setCopied] = useState<{ text: string; byHand: boolean } | null>(null);
  const copy = async () => {
    const value = text();
    try {
      await navigator.clipboard.writeText(value);
      setCopied({ text: value, byHand: false });
    } catch {
      setCopied({ text: value, byHand: true });
    }
  };
  return (
    <>
      <Button
        onClick={copy}
        onBlur={() => setCopied((was) => (was?.byHand ? was : null))}
        disabled={disabled}
        data-testid={testId}
      >
        {copied && !copied.byHand ? 'Copied' : label}
      </Button>
      {copied?.byHand && (
        <label className={styles.byHand}>
          Copy it from here:
          <textarea
            readOnly
            rows={3}
            value={copied.text}
            onFocus={(event) => event.target.select()}
            data-testid={`${testId}-text`}
          />
        </label>
      )}
    </>
  );
}
