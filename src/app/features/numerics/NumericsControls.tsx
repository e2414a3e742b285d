import { type ChangeEvent, useState } from 'react';
import { chooseNumerics, inspect } from '../../../store/actions.ts';
import { type NumericsView, useNumerics } from '../../../store/numericsStore.ts';
import { useRun } from '../../../store/runStore.ts';
import { readNumber } from '../../../store/typedNumber.ts';
import { formatPercent } from '../../format.ts';
import { Button } from '../../ui/Button.tsx';
import { TextField } from '../../ui/Field.tsx';
import styles from './NumericsPanel.module.css';
import { VIEW_WORDS } from './views.ts';

interface NumericsControlsProps {
  /** The run that is shown. */
  run: number;
  view: NumericsView;
  onView: (view: NumericsView) => void;
  cost: number | null;
  hasFrame: boolean;
}

/** Selects the view, and whether and how often gradients are counted. */
export function NumericsControls({ run, view, onView, cost, hasFrame }: NumericsControlsProps) {
  const enabled = useNumerics((state) => state.enabled);
  const inspecting = useNumerics((state) => state.inspecting);
  const trained = useRun((state) => state.runs.some(({ latest }) => latest !== null));
  const isFallback = useRun((state) => state.adapter?.isFallback ?? false);
  const look = (what: NumericsView) => {
    onView(what);
    if (what !== 'gradients') inspect(what, run);
  };
  return (
    <>
      <div className={styles.controls}>
        <fieldset className={styles.views}>
          <legend className="visuallyHidden">Tensors to inspect</legend>
          {(['gradients', 'weights', 'activations'] as const).map((what) => (
            <Button
              key={what}
              aria-pressed={view === what}
              disabled={what !== 'gradients' && (!trained || inspecting !== null)}
              title={what === 'gradients' ? undefined : 'Takes one snapshot of their current values'}
              onClick={() => look(what)}
              data-testid={`numerics-${what}`}
            >
              {what === 'gradients' ? VIEW_WORDS[what] : `Snapshot ${what}`}
            </Button>
          ))}
        </fieldset>
        <div className={styles.controls}>
          <label className={styles.switch}>
            <input
              type="checkbox"
              checked={enabled}
              onChange={(event) => chooseNumerics(event.target.checked)}
              data-testid="numerics-on"
            />
            <span>Count gradients while training</span>
          </label>
          <IntervalField />
        </div>
      </div>
      <p className={styles.muted} data-testid="numerics-cost">
        {statusOf({ view, enabled, hasFrame, cost, isFallback })}
      </p>
    </>
  );
}

/** Accepts a whole number from 1; other input stays in the field but is not applied. */
function IntervalField() {
  const interval = useNumerics((state) => state.interval);
  const enabled = useNumerics((state) => state.enabled);
  const [text, setText] = useState(String(interval));
  const change = (event: ChangeEvent<HTMLInputElement>) => {
    setText(event.target.value);
    const steps = intervalOf(event.target.value);
    if (steps !== null) chooseNumerics(enabled, steps);
  };
  return (
    <div className={styles.interval}>
      <TextField
        label="Interval (steps)"
        value={text}
        inputMode="numeric"
        onChange={change}
        error={intervalOf(text) === null ? 'Enter a whole number from 1 to 999999.' : null}
        data-testid="numerics-interval"
      />
    </div>
  );
}

function intervalOf(text: string): number | null {
  const steps = readNumber(text);
  return steps !== null && Number.isInteger(steps) && steps >= 1 && steps <= 999_999 ? steps : null;
}

function statusOf({
  view,
  enabled,
  hasFrame,
  cost,
  isFallback,
}: {
  view: NumericsView;
  enabled: boolean;
  hasFrame: boolean;
  cost: number | null;
  isFallback: boolean;
}): string {
  if (view !== 'gradients') {
    return hasFrame ? 'A snapshot delays training only while it is taken.' : 'Taking the snapshot…';
  }
  if (!enabled && hasFrame) return 'Off while training. The histogram shows the step named below.';
  if (!enabled) {
    return isFallback
      ? 'Off, because counting slows training down on a software adapter. Switch it on to see gradients underflow.'
      : 'Off: gradients are not counted.';
  }
  if (!hasFrame) {
    return 'The first histogram appears with the first counted step, once its kernels are compiled.';
  }
  if (cost === 0) return 'numerics: cost below the noise of step times';
  return cost === null ? 'numerics: measuring the cost' : `numerics ${formatPercent(cost)} of step time`;
}
