import type { ComponentProps, ReactNode } from 'react';
import styles from './Panel.module.css';

interface PanelProps extends Omit<ComponentProps<'section'>, 'title'> {
  title: ReactNode;
}

/** A framed part of the page with its heading. */
export function Panel({ title, children, className = '', ...rest }: PanelProps) {
  return (
    <section className={`${styles.panel} ${className}`} {...rest}>
      <h2>{title}</h2>
      {children}
    </section>
  );
}
