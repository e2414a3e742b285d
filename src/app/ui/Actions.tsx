import type { ReactNode } from 'react';
import styles from './Actions.module.css';

/** Buttons in a row, which wraps. */
export function Actions({
  className = '',
  children,
}: {
  className?: string | undefined;
  children: ReactNode;
}) {
  return <div className={`${styles.actions} ${className}`}>{children}</div>;
}
