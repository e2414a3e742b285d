/** A lazy chunk: the settings that the mode of a place does not share with the others. */
import {
  type Field,
  offeredSettings,
  parseVariant,
  rowOf,
  variantId,
  writeSetting,
} from '../../../engine/index.ts';
import { useSettings } from '../../../store/settingsStore.ts';
import { SelectField } from '../../ui/Field.tsx';
import { chosenModes, replaced } from './modeChoice.ts';

export default function VariantFields({ place }: { place: number }) {
  const modes = useSettings((state) => state.settings.modes);
  const choose = useSettings((state) => state.choose);
  const id = modes[place];
  if (id === undefined) return null;
  const variant = parseVariant(id);
  const given = [...variant.settings.keys()];
  const change = (own: Field | null, text: string) => {
    const settings = new Map(variant.settings);
    if (own) settings.delete(own);
    const offer = offeredSettings(variant).find((one) => optionOf(one.field, one.text) === text);
    if (offer) settings.set(offer.field, offer.value);
    const changed = variantId({ ...variant, settings });
    const others = modes.filter((_, i) => i !== place);
    // A mode that has lost its last setting may be there already.
    choose(chosenModes(others.includes(changed) ? others : replaced(modes, place, changed)));
  };
  // One more than there are, so that a setting can be added.
  return [...given, null].map((own, i) => {
    const offers = offeredSettings(variant)
      .filter(({ field }) => field === own || !given.includes(field))
      .map(({ field, text }) => optionOf(field, text));
    const value = own ? optionOf(own, writeSetting(own, variant.settings.get(own)!)) : '';
    return (
      <SelectField
        key={own ?? ''}
        label={i === 0 ? 'Override' : 'and'}
        value={value}
        onChange={(event) => change(own, event.target.value)}
        data-testid={`variant-${place}-${i}`}
      >
        <option value="">nothing</option>
        {/* An address may have a number that is not offered. */}
        {[...new Set([...offers, ...(value ? [value] : [])])].map((option) => (
          <option key={option}>{option}</option>
        ))}
      </SelectField>
    );
  });
}

function optionOf(field: Field, text: string): string {
  return `${rowOf(field).option} ${text}`;
}
