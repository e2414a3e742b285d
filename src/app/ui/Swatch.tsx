import { runColor } from '../charts/series.ts';
import styles from './Swatch.module.css';

/** The colour of a run, before its name. */
export function Swatch({ place }: { place: number }) {
  return <span className={styles.swatch} style={{ background: runColor(place) }} />;
}
