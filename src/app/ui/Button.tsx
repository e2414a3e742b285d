import type { ComponentProps } from 'react';
import styles from './Button.module.css';

interface ButtonProps extends ComponentProps<'button'> {
  kind?: 'primary' | 'plain';
}

export function Button({ kind = 'plain', className, ...rest }: ButtonProps) {
  return <button type="button" className={[styles.button, styles[kind], className].join(' ')} {...rest} />;
}
