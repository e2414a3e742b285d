import { DEFAULT_ROUNDING, ROUNDINGS, type Rounding } from '../../engine/index.ts';
import { useSettings } from '../../store/settingsStore.ts';
import { SelectField } from '../ui/Field.tsx';

/** How simulated modes round that have no rounding of their own. */
export default function RoundingField() {
  const rounding = useSettings((state) => state.settings.rounding);
  const choose = useSettings((state) => state.choose);
  return (
    <SelectField
      label="Rounding"
      value={rounding ?? DEFAULT_ROUNDING}
      onChange={(event) => {
        const chosen = event.target.value as Rounding;
        choose({ rounding: chosen === DEFAULT_ROUNDING ? null : chosen });
      }}
      help="Of simulated modes. Toward zero cuts bits off, as arXiv 2405.18710 does."
      data-testid="rounding"
    >
      {ROUNDINGS.map((choice) => (
        <option key={choice} value={choice}>
          {choice === 'rz' ? 'toward zero' : 'to nearest even'}
        </option>
      ))}
    </SelectField>
  );
}
