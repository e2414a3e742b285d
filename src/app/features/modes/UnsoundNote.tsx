import { recipeOf } from '../../../engine/index.ts';
import { modesOf } from '../../../store/settings.ts';
import { useSettings } from '../../../store/settingsStore.ts';
import { Note } from '../../ui/Note.tsx';

/** A lazy chunk: says which of the chosen modes are made to fail. */
export default function UnsoundNote() {
  const settings = useSettings((state) => state.settings);
  const unsound = modesOf(settings).filter((mode) => recipeOf(mode).unsound);
  if (unsound.length === 0) return null;
  const names = unsound.map((mode) => recipeOf(mode).title).join(' and ');
  return (
    <Note kind="caution" testId="unsound">
      <p>
        {`${names} ${unsound.length > 1 ? 'are' : 'is'} made to fail, to show what loss scaling and FP32 master weights are for. Expect a worse loss, or a failed run with an explanation.`}
      </p>
    </Note>
  );
}
