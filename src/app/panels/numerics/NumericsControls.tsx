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
  view: NumericsView;
  onView: (view: NumericsView) => void;
  cost: number | null;
  hasFrame: boolean;
}

/** Which numbers to look at, and whether and how often gradients are counted. */
export function NumericsControls({ view, onView, cost, hasFrame }: NumericsControlsProps) {
  const enabled = useNumerics((state) => state.enabled);
  const inspecting = useNumerics((state) => state.inspecting);
  const trained = useRun((state) => state.runs.some(({ latest }) => latest !== null));
  const isFallback = useRun((state) => state.adapter?.isFallback ?? false);
  const look = (what: NumericsView) => {
    onView(what);
    if (what !== 'gradients') inspect(what);
  };
  return (
    <>
      <div className={styles.controls}>
        <fieldset className={styles.views}>
          <legend className="visuallyHidden">What to look at</legend>
          {(['gradients', 'weights', 'activations'] as const).map((what) => (
            <Button
              key={what}
              aria-pressed={view === what}
              disabled={what !== 'gradients' && (!trained || inspecting !== null)}
              title={what === 'gradients' ? undefined : 'Takes one look at them as they are in this moment'}
              onClick={() => look(what)}
              data-testid={`numerics-${what}`}
            >
              {`${VIEW_WORDS[what]}${what !== 'gradients' ? ', now' : ''}`}
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

/** Takes a whole number from 1; what is typed stays until it is one. */
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
        label="Steps between"
        value={text}
        inputMode="numeric"
        onChange={change}
        error={intervalOf(text) === null ? 'A whole number from 1 to 999999.' : null}
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
    return hasFrame ? 'One look costs training nothing but its own time.' : 'Looking…';
  }
  if (!enabled && hasFrame) return 'Off while training. What is shown is of the step named below.';
  if (!enabled) {
    return isFallback
      ? 'Off: on a software adapter counting takes time from training. Switch it on to see gradients underflow.'
      : 'Off: nothing is counted, and nothing costs time.';
  }
  if (!hasFrame) {
    return 'The first histogram comes with the first counted step, once its kernels are compiled.';
  }
  if (cost === 0) return 'numerics: its cost is below the noise of step times';
  return cost === null
    ? 'numerics: its cost is being measured'
    : `numerics ${formatPercent(cost)} of step time`;
}
