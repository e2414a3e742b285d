import { SCHEDULES, type Schedule } from '../../../session/protocol.ts';
import { MAX_SEEDS } from '../../../store/settings.ts';
import { useSettings } from '../../../store/settingsStore.ts';
import { formatMiB } from '../../format.ts';
import { usePlan } from '../../hooks/usePlan.ts';
import { SelectField } from '../../ui/Field.tsx';

/** A lazy chunk: what only several runs have. */
export default function SeveralFields() {
  return (
    <>
      <ScheduleField />
      <SeedsField />
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
  const { memory, chosen } = usePlan();
  // Of one seed, since its modes are on the GPU together.
  const together = memory.slice(0, chosen.settings.modes.length).reduce((sum, { total }) => sum + total, 0);
  const { help } = SCHEDULE_WORDS[schedule];
  return (
    <SelectField
      label="Schedule"
      value={schedule}
      onChange={(event) => choose({ schedule: event.target.value as Schedule })}
      help={schedule === 'lockstep' ? `${help}${together === 0 ? '' : `: ${formatMiB(together)}`}.` : help}
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
