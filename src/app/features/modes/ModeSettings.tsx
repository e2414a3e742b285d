import {
  isSimulatedMode,
  modeOfVariant,
  PRECISION_MODES,
  parseVariant,
  type Rounding,
  recipeFor,
  recipeOf,
  type VariantId,
  variantOverrides,
  variantTitle,
} from '../../../engine/index.ts';
import { MAX_MODES, modesOf } from '../../../store/settings.ts';
import { useSettings } from '../../../store/settingsStore.ts';
import { SelectField } from '../../ui/Field.tsx';
import { LazyDetails } from '../../ui/LazyDetails.tsx';
import { lazyPart } from '../../ui/lazyPart.tsx';
import styles from './ModeSettings.module.css';
import { chosenModes, modeOf, optionOf, replaced, SIMULATED, VARIANT } from './modeChoice.ts';
import { familiesOf } from './modeFamilies.ts';

/** Few give a mode settings of its own. */
const VariantFields = lazyPart('settings of this mode', () => import('./VariantFields.tsx'));
const SimulatedFields = lazyPart('bits of this mode', () => import('./SimulatedFields.tsx'));
const ModeGuide = lazyPart('list of modes', () => import('./ModeGuide.tsx'));
const SeveralFields = lazyPart('settings of a comparison', () => import('./SeveralFields.tsx'));
const UnsoundNote = lazyPart('note on these modes', () => import('./UnsoundNote.tsx'));
const RoundingField = lazyPart('field for the rounding', () => import('./RoundingField.tsx'));

/** Which modes are trained, and how they share the GPU. */
export function ModeSettings() {
  const modes = useSettings((state) => state.settings.modes);
  // Where a mode takes it and has none of its own, or an address gave one that none takes.
  const rounds = useSettings(({ settings }) => {
    const shared = settings.modes.filter((id) => !id.includes('+rounding='));
    return settings.rounding !== null || modesOf({ modes: shared }).some(isSimulatedMode);
  });
  const several = useSettings(({ settings }) => settings.modes.length > 1 || settings.seeds > 1);
  const unsound = modes.some(isUnsound);
  // One place more than is taken, so that a mode can be added.
  const places = Math.min(MAX_MODES, modes.length + 1);
  return (
    <>
      <ReferenceField />
      {Array.from({ length: places - 1 }, (_, i) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a place is its index
        <OtherModeField key={i} place={i + 1} />
      ))}
      {rounds && <RoundingField />}
      {several && <SeveralFields />}
      {unsound && <UnsoundNote />}
    </>
  );
}

function ReferenceField() {
  const modes = useSettings((state) => state.settings.modes);
  const choose = useSettings((state) => state.choose);
  const rounding = useSettings((state) => state.settings.rounding);
  const first = modes[0];
  return (
    <>
      <SelectField
        label="Precision"
        value={optionOf(first)}
        // A mode that is compared already changes places with the first.
        onChange={(event) => choose(chosenModes(replaced(modes, 0, modeOf(event.target.value, modes, 0))))}
        help={first && summaryOf(first, rounding)}
        data-testid="precision"
      >
        <ModeOptions varied={first} />
      </SelectField>
      <OwnFields place={0} />
      <LazyDetails summary="All modes, in a line each" testId="mode-guide" className={styles.guide}>
        <ModeGuide />
      </LazyDetails>
    </>
  );
}

function OtherModeField({ place }: { place: number }) {
  const modes = useSettings((state) => state.settings.modes);
  const choose = useSettings((state) => state.choose);
  const rounding = useSettings((state) => state.settings.rounding);
  const mode = modes[place];
  const first = modes[0];
  return (
    <>
      <SelectField
        label={place === 1 ? 'Compare with' : 'and with'}
        value={optionOf(mode)}
        onChange={({ target: { value } }) =>
          choose(
            chosenModes(
              value === ''
                ? modes.filter((_, i) => i !== place)
                : replaced(modes, place, modeOf(value, modes, place)),
            ),
          )
        }
        help={mode ? summaryOf(mode, rounding) : place === 1 && 'Another mode, trained from the same start.'}
        data-testid={place === 1 ? 'compare' : `compare-${place}`}
      >
        <option value="">nothing</option>
        <ModeOptions without={mode?.includes('+') ? undefined : first} varied={mode ?? first} />
      </SelectField>
      <OwnFields place={place} />
    </>
  );
}

/** Fields that only the mode in this field has. */
function OwnFields({ place }: { place: number }) {
  const mode = useSettings((state) => state.settings.modes[place]);
  const varied = mode?.includes('+');
  const simulated = mode !== undefined && isSimulatedMode(modeOfVariant(mode));
  return (
    <>
      {simulated && <SimulatedFields place={place} />}
      {varied && <VariantFields place={place} />}
    </>
  );
}

function summaryOf(id: VariantId, rounding: Rounding | null): string {
  return recipeFor({ rounding, ...variantOverrides(parseVariant(id)), precision: modeOfVariant(id) }).summary;
}

interface ModeOptionsProps {
  without?: VariantId | undefined;
  /** The mode that the variant entry would vary. */
  varied: VariantId | undefined;
}

const isUnsound = (id: VariantId) => recipeOf(modeOfVariant(id)).unsound;

function ModeOptions({ without, varied }: ModeOptionsProps) {
  const offered = PRECISION_MODES.filter((mode) => mode !== without);
  return (
    <>
      {familiesOf(offered).map(({ title, modes }) => (
        <optgroup key={title} label={title}>
          {modes.map((mode) => (
            <option key={mode} value={mode} translate="no">
              {`${variantTitle(mode)}${isUnsound(mode) ? ' (made to fail)' : ''}`}
            </option>
          ))}
        </optgroup>
      ))}
      <optgroup label="Of your own">
        <option value={SIMULATED}>Simulated eXmY</option>
        {varied && (
          <option value={VARIANT} translate="no">{`${variantTitle(varied)}, with another setting`}</option>
        )}
      </optgroup>
    </>
  );
}
