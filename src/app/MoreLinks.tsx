import styles from './MoreLinks.module.css';
import { docsPage, SOURCE } from './siteLinks.ts';

/** Where to read more, at the end of every screen. */
export function MoreLinks() {
  return (
    <nav className={styles.links} aria-label="About Halfstep" data-testid="site-links">
      <a href={docsPage('how-it-works')}>How it works</a>
      <a href={docsPage('index')}>Documentation</a>
      <a href={docsPage('measurements')}>Measurements</a>
      <a href={docsPage('licences')}>Licences</a>
      {SOURCE && <a href={SOURCE}>Source</a>}
    </nav>
  );
}
