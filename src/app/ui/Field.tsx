import { type ComponentProps, type ReactNode, useId } from 'react';
import styles from './Field.module.css';

interface FieldProps {
  label: string;
  help?: ReactNode;
  /** What is wrong with the value; takes the place of the help. */
  error?: string | null | undefined;
}

interface SelectFieldProps extends FieldProps, Omit<ComponentProps<'select'>, 'id'> {}

export function SelectField({ label, help, error, ...select }: SelectFieldProps) {
  const id = useId();
  return (
    <div className={styles.field}>
      <label htmlFor={id}>{label}</label>
      <select id={id} className={styles.input} aria-describedby={`${id}-help`} {...select} />
      <FieldHelp id={`${id}-help`} help={help} error={error} />
    </div>
  );
}

interface TextFieldProps extends FieldProps, Omit<ComponentProps<'input'>, 'id'> {}

export function TextField({ label, help, error, ...input }: TextFieldProps) {
  const id = useId();
  return (
    <div className={styles.field}>
      <label htmlFor={id}>{label}</label>
      <input
        id={id}
        className={styles.input}
        aria-describedby={`${id}-help`}
        aria-invalid={error ? true : undefined}
        autoComplete="off"
        {...input}
      />
      <FieldHelp id={`${id}-help`} help={help} error={error} />
    </div>
  );
}

function FieldHelp({ id, help, error }: Omit<FieldProps, 'label'> & { id: string }) {
  return (
    <p id={id} className={error ? styles.error : styles.help} hidden={!error && !help}>
      {error || help}
    </p>
  );
}
