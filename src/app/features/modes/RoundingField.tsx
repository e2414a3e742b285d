import { DEFAULT_ROUNDING, type Rounding, rowOf } from '../../../engine/index.ts';
import { useSettings } from '../../../store/settingsStore.ts';
import { SelectField } from '../../ui/Field.tsx';
import { helpOf, titlesOf } from '../settings/settingWords.ts';

/** How simulated modes round that have no rounding of their own. */
export default function RoundingField() {
  const rounding = useSettings((state) => state.settings.rounding);
  const choose = useSettings((state) => state.choose);
  return (
    <SelectField
      label={rowOf('rounding').label}
      value={rounding ?? DEFAULT_ROUNDING}
      onChange={(event) => {
        const chosen = event.target.value as Rounding;
        choose({ rounding: chosen === DEFAULT_ROUNDING ? null : chosen });
      }}
      help={helpOf('rounding')}
      data-testid="rounding"
    >
      {Object.entries(titlesOf('rounding')).map(([value, title]) => (
        <option key={value} value={value}>
          {title}
        </option>
      ))}
    </SelectField>
  );
}
