import { type ComponentProps, type ReactNode, useId } from 'react';
import styles from './Field.module.css';

interface FieldProps {
  label: string;
  /** Unit of the value. */
  unit?: string | undefined;
  help?: ReactNode;
  /** What is wrong with the value; replaces the help. */
  error?: string | null | undefined;
  /** A button beside the label. */
  action?: ReactNode;
}

interface SelectFieldProps extends FieldProps, Omit<ComponentProps<'select'>, 'id'> {}

export function SelectField({ label, unit, help, error, action, ...select }: SelectFieldProps) {
  const id = useId();
  return (
    <div className={styles.field}>
      <FieldLabel id={id} label={label} unit={unit} action={action} />
      <select id={id} className={styles.input} aria-describedby={`${id}-help`} {...select} />
      <FieldHelp id={`${id}-help`} help={help} error={error} />
    </div>
  );
}

interface TextFieldProps extends FieldProps, Omit<ComponentProps<'input'>, 'id'> {}

export function TextField({ label, unit, help, error, action, ...input }: TextFieldProps) {
  const id = useId();
  return (
    <div className={styles.field}>
      <FieldLabel id={id} label={label} unit={unit} action={action} />
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

function FieldLabel({ id, label, unit, action }: Omit<FieldProps, 'help' | 'error'> & { id: string }) {
  return (
    <div className={styles.head}>
      <label htmlFor={id}>
        <span>{label}</span>
        {unit && <span className={styles.unit}>{` ${unit}`}</span>}
      </label>
      {action}
    </div>
  );
}

interface ResetButtonProps {
  /** Label of the field. */
  label: string;
  /** The value that the field returns to. */
  value: string;
  /** Leaves out the value, for narrow fields. */
  brief?: boolean;
  onClick: () => void;
  testId: string;
}

/** Resets a field to its default. */
export function ResetButton({ label, value, brief = false, onClick, testId }: ResetButtonProps) {
  return (
    <button
      type="button"
      className={styles.reset}
      onClick={onClick}
      aria-label={`Reset ${label} to ${value}`}
      title={brief ? `To ${value}` : undefined}
      data-testid={`reset-${testId}`}
    >
      {brief ? 'reset' : `reset to ${value}`}
    </button>
  );
}

function FieldHelp({ id, help, error }: Pick<FieldProps, 'help' | 'error'> & { id: string }) {
  return (
    <p id={id} className={error ? styles.error : styles.help} hidden={!error && !help}>
      {error || help}
    </p>
  );
}
