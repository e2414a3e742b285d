import { recipeFor } from '../../../engine/index.ts';
import type { RunView } from '../../../store/runStore.ts';
import { runLabel } from '../../messages.ts';
import { ErrorNote } from '../../ui/Note.tsx';

/** Why a run failed: no fault where its mode is made to fail. */
export function RunError({ run }: { run: RunView }) {
  if (!run.error) return null;
  return (
    <ErrorNote
      error={run.error}
      about={runLabel(run)}
      kind={isMeantToFail(run) ? 'caution' : 'bad'}
      testId={`run-error-${run.mode}`}
    />
  );
}

export function isMeantToFail({ config }: RunView): boolean {
  return recipeFor(config).unsound;
}

export function keyOf({ mode, config }: RunView): string {
  return `${mode} ${config.seed}`;
}
