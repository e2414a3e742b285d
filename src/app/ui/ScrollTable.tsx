import type { ReactNode } from 'react';
import styles from './ScrollTable.module.css';

interface ScrollTableProps {
  /** Names the box to screen readers. */
  label: string;
  /** A class that limits the height, for tables that scroll in both directions. */
  className?: string | undefined;
  children: ReactNode;
}

/** The box of a table that may be wider than the page. It can be scrolled by keyboard. */
export function ScrollTable({ label, className = '', children }: ScrollTableProps) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a box that scrolls must be reachable by keyboard
    <section className={`${styles.scroll} ${className}`} aria-label={label} tabIndex={0}>
      {children}
    </section>
  );
}
