import { BUILTIN_TEXTS, TEXT_IDS } from '../../../engine/index.ts';
import type { TextChoice } from '../../../store/settings.ts';
import { useSettings } from '../../../store/settingsStore.ts';
import { SelectField } from '../../ui/Field.tsx';
import { lazyPart } from '../../ui/lazyPart.tsx';

// Most visitors train on a text of the page's.
const OwnText = lazyPart('field for your own text', () => import('./OwnText.tsx'));

export function textTitle(choice: TextChoice): string {
  return choice === 'own' ? 'Your own text' : BUILTIN_TEXTS[choice].title;
}

export function TextSettings() {
  const text = useSettings((state) => state.settings.text);
  const choose = useSettings((state) => state.choose);
  return (
    <>
      <SelectField
        label="Text"
        value={text}
        onChange={(event) => choose({ text: event.target.value as TextChoice })}
        help={text === 'own' ? 'A file or a paste stays on this device.' : BUILTIN_TEXTS[text].summary}
        data-testid="text"
      >
        {TEXT_IDS.map((id) => (
          <option key={id} value={id}>
            {textTitle(id)}
          </option>
        ))}
        <option value="own">{`${textTitle('own')}…`}</option>
      </SelectField>
      {text === 'own' && <OwnText />}
    </>
  );
}
