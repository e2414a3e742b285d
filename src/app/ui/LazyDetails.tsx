import { type ComponentProps, type ReactNode, useState } from 'react';
import styles from './LazyDetails.module.css';

interface LazyDetailsProps extends ComponentProps<'details'> {
  summary: ReactNode;
  testId: string;
}

/** A disclosure whose content is rendered, and if lazy loaded, only when it is first opened. */
export function LazyDetails({ summary, testId, children, ...rest }: LazyDetailsProps) {
  const [opened, setOpened] = useState(false);
  return (
    <details onToggle={(event) => setOpened((before) => before || event.currentTarget.open)} {...rest}>
      <summary className={styles.summary} data-testid={testId}>
        {summary}
      </summary>
      {opened && children}
    </details>
  );
}
