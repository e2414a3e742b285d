import { create } from 'zustand';
import { PRECISION_MODES, PRESETS, type PrecisionMode } from '../../../engine/index.ts';
import { isBusy, useRun } from '../../../store/runStore.ts';
import { firstConfig } from '../../../store/settings.ts';
import { useSettings } from '../../../store/settingsStore.ts';
import { DEFAULT_FORM, planSweep, runsOfSweep, type SweepForm } from '../../../store/sweep/sweepPlan.ts';
import { startSweep, sweepObstacle } from '../../../store/sweep/sweepRun.ts';
import { useSweeps } from '../../../store/sweep/sweepStore.ts';
import { secondsOf, similarCells } from '../../../store/sweep/sweepTime.ts';
import { formatCount, formatDuration } from '../../format.ts';
import { Actions } from '../../ui/Actions.tsx';
import { Button } from '../../ui/Button.tsx';
import { TextField } from '../../ui/Field.tsx';
import { Panel } from '../../ui/Panel.tsx';
import { ModeBoxes } from '../modes/ModeBoxes.tsx';
import { textTitle } from '../text/TextSettings.tsx';
import styles from './SweepScreen.module.css';

/** Typed text stays while other screens are shown. */
const useForm = create<SweepForm>()(() => DEFAULT_FORM);

export function SweepFormPanel() {
  const form = useForm();
  const settings = useSettings((state) => state.settings);
  const ready = useSettings(({ ownText }) => sweepObstacle(settings, ownText));
  const busy = useRun(isBusy);
  const noGpu = useRun(({ adapter }) => adapter === null);
  const planned = planSweep(form, settings);
  const problem = 'problem' in planned ? planned.problem : null;
  const cells = 'plan' in planned ? planned.cells : 0;
  const seconds = useSweeps(({ sweeps }) =>
    'plan' in planned ? secondsOf(runsOfSweep(planned.plan), similarCells(planned.plan, sweeps)) : null,
  );
  return (
    <Panel title="New sweep" aria-label="New sweep">
      <ModeBoxes
        offered={PRECISION_MODES}
        chosen={form.modes}
        onChoose={(modes) => useForm.setState({ modes: modes as readonly PrecisionMode[] })}
        testId="sweep-mode"
      />
      <div className={styles.fields}>
        <TextField
          label="Other modes and variants"
          placeholder="e5m2, fp16+optim-state=fp8"
          value={form.otherModes}
          onChange={(event) => useForm.setState({ otherModes: event.target.value })}
          help="A variant is a mode with its own settings: fp16+optim-state=fp8."
          data-testid="sweep-other-modes"
        />
        <TextField
          label="Learning rates"
          inputMode="text"
          value={form.learningRates}
          onChange={(event) => useForm.setState({ learningRates: event.target.value })}
          help="Peak rates, separated by a comma and a space, or by semicolons."
          data-testid="sweep-rates"
        />
        <TextField
          label="Seeds"
          inputMode="numeric"
          value={form.seeds}
          onChange={(event) => useForm.setState({ seeds: event.target.value })}
          help="Number of consecutive seeds."
          data-testid="sweep-seeds"
        />
        <TextField
          label="Steps"
          inputMode="numeric"
          value={form.steps}
          placeholder={String(firstConfig(settings).steps)}
          onChange={(event) => useForm.setState({ steps: event.target.value })}
          help="Steps of every run. Only the last step is evaluated."
          data-testid="sweep-steps"
        />
      </div>
      <p className={styles.muted}>
        Everything else as in the <a href="#train">Lab</a>
        <span>{`: ${PRESETS[settings.preset].title}, ${textTitle(settings.text)}.`}</span>
      </p>
      <p className={styles.error} role="status" data-testid="sweep-problem">
        {problem ? `${problem.message} ${problem.hint}` : ready}
      </p>
      <Actions>
        <Button
          kind="primary"
          disabled={busy || noGpu || !('plan' in planned) || ready !== null}
          onClick={() => 'plan' in planned && startSweep(planned.plan)}
          data-testid="sweep-start"
        >
          {`Train ${cells > 0 ? `${formatCount(cells)} ` : ''}${cells === 1 ? 'cell' : 'cells'}`}
        </Button>
        {seconds !== null && (
          <span className={styles.muted} data-testid="sweep-estimate">
            {`about ${formatDuration(seconds)}, by earlier sweeps of these settings`}
          </span>
        )}
      </Actions>
    </Panel>
  );
}
