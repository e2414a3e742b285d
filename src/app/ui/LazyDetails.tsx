import { type ComponentProps, type ReactNode, Suspense, useState } from 'react';

interface LazyDetailsProps extends ComponentProps<'details'> {
  summary: ReactNode;
  testId: string;
}

/** A fold whose content, and the script of a lazy one, is only fetched when it is first opened. */
export function LazyDetails({ summary, testId, children, ...rest }: LazyDetailsProps) {
  const [opened, setOpened] = useState(false);
  return (
    <details onToggle={(event) => setOpened((before) => before || event.currentTarget.open)} {...rest}>
      <summary data-testid={testId}>{summary}</summary>
      {opened && <Suspense fallback={<p>Loading…</p>}>{children}</Suspense>}
    </details>
  );
}
