import type { ComponentProps } from 'react';
import styles from './FiguresTable.module.css';
import { ScrollTable } from './ScrollTable.tsx';

interface FiguresTableProps extends ComponentProps<'table'> {
  /** Names the box to screen readers. */
  label: string;
}

/** Figures by name, with a column for each run. */
export function FiguresTable({ label, className = '', ...table }: FiguresTableProps) {
  return (
    <ScrollTable label={label}>
      <table className={`${styles.table} ${className}`} {...table} />
    </ScrollTable>
  );
}
