import type { ReactNode } from 'react';
import styles from './StatTile.module.css';

interface StatTileProps {
  label: string;
  value: ReactNode;
  unit?: string;
  /** Second line: what the value consists of or is compared with. */
  detail?: ReactNode;
  /** The definition, on hover. */
  title: string;
  tone?: 'normal' | 'caution' | 'bad';
  testId: string;
}

export function StatTile({ label, value, unit, detail, title, tone = 'normal', testId }: StatTileProps) {
  return (
    <div className={[styles.tile, styles[tone]].join(' ')} title={title} data-testid={`tile-${testId}`}>
      <dt className={styles.label}>{label}</dt>
      <dd className={styles.value}>
        <span translate="no" data-testid={`value-${testId}`}>
          {value}
        </span>
        {unit && <span className={styles.unit}>{` ${unit}`}</span>}
      </dd>
      <dd className={styles.detail}>{detail}</dd>
    </div>
  );
}
