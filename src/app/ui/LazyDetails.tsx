import { type ComponentProps, type ReactNode, useState } from 'react';

interface LazyDetailsProps extends ComponentProps<'details'> {
  summary: ReactNode;
  testId: string;
}

/** A fold whose content is only made, and that of a lazy part only fetched, when it is first opened. */
export function LazyDetails({ summary, testId, children, ...rest }: LazyDetailsProps) {
  const [opened, setOpened] = useState(false);
  return (
    <details onToggle={(event) => setOpened((before) => before || event.currentTarget.open)} {...rest}>
      <summary data-testid={testId}>{summary}</summary>
      {opened && children}
    </details>
  );
}
