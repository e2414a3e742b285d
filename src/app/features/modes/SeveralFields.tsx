import { SCHEDULES, type Schedule } from '../../../session/protocol.ts';
import { plannedMemory, planProblem } from '../../../store/plan.ts';
import { useRun } from '../../../store/runStore.ts';
import { MAX_SEEDS } from '../../../store/settings.ts';
import { useSettings } from '../../../store/settingsStore.ts';
import { formatMiB } from '../../format.ts';
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
