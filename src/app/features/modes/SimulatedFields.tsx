import {
  modeOfVariant,
  SIMULATED_BITS,
  type SimulatedBits,
  simulatedBits,
  simulatedMode,
  type VariantId,
} from '../../../engine/index.ts';
import { useSettings } from '../../../store/settingsStore.ts';
import { SelectField } from '../../ui/Field.tsx';
import styles from '../settings/SettingsPanel.module.css';
import { replaced } from './modeChoice.ts';

/** The bits of the simulated mode at a place; nothing where another mode stands there. */
export default function SimulatedFields({ place }: { place: number }) {
  const modes = useSettings((state) => state.settings.modes);
  const choose = useSettings((state) => state.choose);
  const chosen = modes[place];
  const bits = simulatedBits(chosen ? modeOfVariant(chosen) : '');
  if (!chosen || !bits) return null;
  const field = (key: keyof SimulatedBits, label: string, { low, high }: { low: number; high: number }) => (
    <SelectField
      label={label}
      value={bits[key]}
      onChange={(event) => {
        const mode = simulatedMode({ ...bits, [key]: Number(event.target.value) });
        const variant = chosen.replace(modeOfVariant(chosen), mode) as VariantId;
        choose({ modes: replaced(modes, place, variant) });
      }}
      data-testid={`${key}-${place}`}
    >
      {Array.from({ length: high - low + 1 }, (_, i) => low + i).map((count) => (
        <option key={count}>{count}</option>
      ))}
    </SelectField>
  );
  return (
    <div className={styles.pair}>
      {field('exponentBits', 'Exponent bits', SIMULATED_BITS.exponent)}
      {field('mantissaBits', 'Mantissa bits', SIMULATED_BITS.mantissa)}
    </div>
  );
}
