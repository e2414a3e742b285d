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
} from '../../engine/index.ts';
import { SCHEDULES, type Schedule } from '../../session/protocol.ts';
import { plannedMemory, planProblem } from '../../store/plan.ts';
import { useRun } from '../../store/runStore.ts';
import { MAX_MODES, MAX_SEEDS, modesOf } from '../../store/settings.ts';
import { useSettings } from '../../store/settingsStore.ts';
import { formatMiB } from '../format.ts';
import { SelectField } from '../ui/Field.tsx';
import { LazyDetails } from '../ui/LazyDetails.tsx';
import { lazyPart } from '../ui/lazyPart.tsx';
import { Note } from '../ui/Note.tsx';
import styles from './ModeSettings.module.css';
import { chosenModes, modeOf, optionOf, replaced, SIMULATED, VARIANT } from './modeChoice.ts';
import { familiesOf } from './modeFamilies.ts';

/** Few give a mode settings of its own. */
const VariantFields = lazyPart('settings of this mode', () => import('./VariantFields.tsx'));
const SimulatedFields = lazyPart('bits of this mode', () => import('./SimulatedFields.tsx'));
const ModeGuide = lazyPart('list of modes', () => import('./ModeGuide.tsx'));
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
      {several && <ScheduleField />}
      {several && <SeedsField />}
      <UnsoundNote />
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

const SCHEDULE_WORDS: Readonly<Record<Schedule, { readonly title: string; readonly help: string }>> = {
  sequential: {
    title: 'sequential',
    help: 'The runs train one after the other, each with the GPU to itself, so that their speeds can be compared.',
  },
  lockstep: {
    title: 'interleaved',
    help: 'The modes take turns, one step each, so that their curves grow together. Speed is given in GPU time only, and the memory of all is needed at once',
  },
};

function ScheduleField() {
  const schedule = useSettings((state) => state.settings.schedule);
  const choose = useSettings((state) => state.choose);
  const together = useTogetherBytes();
  const { help } = SCHEDULE_WORDS[schedule];
  return (
    <SelectField
      label="Schedule"
      value={schedule}
      onChange={(event) => choose({ schedule: event.target.value as Schedule })}
      help={schedule === 'lockstep' ? `${help}${together === null ? '' : `: ${formatMiB(together)}`}.` : help}
      data-testid="schedule"
    >
      {SCHEDULES.map((name) => (
        <option key={name} value={name}>
          {SCHEDULE_WORDS[name].title}
        </option>
      ))}
    </SelectField>
  );
}

/** Memory that the modes of a seed need together; null without a GPU and for invalid settings. */
function useTogetherBytes(): number | null {
  const adapter = useRun((state) => state.adapter);
  const settings = useSettings((state) => state.settings);
  const ownText = useSettings((state) => state.ownText);
  if (!adapter || planProblem(settings, ownText, adapter)) return null;
  return plannedMemory({ ...settings, seeds: 1 }, ownText, adapter).reduce(
    (sum, { total }) => sum + total,
    0,
  );
}

function SeedsField() {
  const seeds = useSettings((state) => state.settings.seeds);
  const choose = useSettings((state) => state.choose);
  return (
    <SelectField
      label="Seeds"
      value={seeds}
      onChange={(event) => choose({ seeds: Number(event.target.value) })}
      help="Consecutive seeds show how much the seed alone changes; figures become means and ranges."
      data-testid="seeds"
    >
      {Array.from({ length: MAX_SEEDS }, (_, i) => i + 1).map((count) => (
        <option key={count} value={count}>
          {count === 1 ? '1 seed' : `${count} seeds`}
        </option>
      ))}
    </SelectField>
  );
}

function UnsoundNote() {
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
