import styles from './Legend.module.css';
import { runColor, runDash } from './series.ts';

/** A sample of the run's line, with the mode's name. */
export function LegendLine({ run, label }: { run: number; label: string }) {
  return (
    <span className={styles.entry}>
      <svg width="22" height="8" aria-hidden="true">
        <line
          x1="0"
          y1="4"
          x2="22"
          y2="4"
          stroke={runColor(run)}
          strokeWidth="2"
          strokeDasharray={runDash(run)}
        />
      </svg>
      <span translate="no">{label}</span>
    </span>
  );
}

/** The line style of the GPU's own clock, which is the same for every run. */
export function LegendDotted({ label }: { label: string }) {
  return (
    <span className={styles.entry}>
      <svg width="22" height="8" aria-hidden="true">
        <line x1="0" y1="4" x2="22" y2="4" stroke="currentColor" strokeWidth="1.5" strokeDasharray="1 3" />
      </svg>
      <span>{label}</span>
    </span>
  );
}

/** A reference line across the chart. */
export function LegendReference({ label, dash }: { label: string; dash: string }) {
  return (
    <span className={styles.entry}>
      <svg width="22" height="8" aria-hidden="true">
        <line x1="0" y1="4" x2="22" y2="4" stroke="var(--line-strong)" strokeDasharray={dash} />
      </svg>
      <span>{label}</span>
    </span>
  );
}

/** The band around the mean of several seeds, the same for every mode. */
export function LegendBand({ label }: { label: string }) {
  return (
    <span className={styles.entry}>
      <svg width="22" height="10" aria-hidden="true">
        <rect width="22" height="10" fill="currentColor" opacity="0.2" />
      </svg>
      <span>{label}</span>
    </span>
  );
}

export function LegendDot({ label }: { label: string }) {
  return (
    <span className={styles.entry}>
      <svg width="10" height="10" aria-hidden="true">
        <circle cx="5" cy="5" r="3.25" fill="var(--surface)" stroke="currentColor" strokeWidth="2" />
      </svg>
      <span>{label}</span>
    </span>
  );
}

export function LegendSkip({ label }: { label: string }) {
  return (
    <span className={styles.entry} data-testid="skip-count">
      <svg width="12" height="10" aria-hidden="true">
        <path d="M6 0L12 10H0Z" fill="var(--bad)" />
      </svg>
      <span>{label}</span>
    </span>
  );
}
