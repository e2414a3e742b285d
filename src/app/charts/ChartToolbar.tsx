import { memo, useId } from 'react';
import { type ChartSettings, DEFAULT_CHARTS, useCharts, X_AXES } from '../../store/chartStore.ts';
import { MAX_SMOOTHING } from '../../store/smoothing.ts';
import styles from './ChartToolbar.module.css';
import type { ChartDefinition } from './chart.ts';
import { useDismiss } from './useDismiss.ts';

/** What the toolbar does with what the chart shows at that moment. */
export interface ChartActions {
  /** The range to lock the y axis to. */
  readonly yRange: () => readonly [low: number, high: number];
  readonly showAll: () => void;
  /** Shows a part of the x axis `factor` times as wide, around its middle. */
  readonly zoomBy: (factor: number) => void;
  readonly saveCsv: () => void;
  readonly savePicture: (kind: 'png' | 'svg') => void;
}

interface ChartToolbarProps {
  chart: ChartDefinition;
  settings: ChartSettings;
  /** Whether there is something to save or to zoom. */
  drawn: boolean;
  /** Smoothing of the first run while the slider is untouched. */
  ownSmoothing: number;
  tokensKnown: boolean;
  /** Whether a mode is plotted from several seeds. */
  seeds: boolean;
  /** Whether only a part of the x axis is shown. */
  zoomed: boolean;
  /** The same object at every redraw. */
  actions: ChartActions;
}

const X_LABELS = { step: 'Step', tokens: 'Tokens', time: 'Training time' } as const;

/** The settings of a chart: the most used as buttons, the others in a menu. */
export const ChartToolbar = memo(function ChartToolbar(props: ChartToolbarProps) {
  const { chart, settings } = props;
  const change = (next: Partial<ChartSettings>) => useCharts.getState().change(chart.id, next);
  const menu = useDismiss();
  return (
    <div className={styles.toolbar}>
      {props.zoomed && (
        <button
          type="button"
          className={styles.button}
          aria-label={`${chart.title}: whole x axis`}
          onClick={props.actions.showAll}
          data-testid={`zoom-reset-${chart.id}`}
        >
          Reset zoom
        </button>
      )}
      {chart.logY && (
        <button
          type="button"
          className={styles.button}
          aria-pressed={settings.logY}
          aria-label={`${chart.title}: logarithmic y axis`}
          onClick={() => change({ logY: !settings.logY })}
          data-testid={`logy-${chart.id}`}
        >
          Log y
        </button>
      )}
      <button
        type="button"
        className={styles.button}
        aria-pressed={settings.expanded}
        aria-label={`${chart.title}: large`}
        onClick={() => change({ expanded: !settings.expanded })}
        data-testid={`expand-${chart.id}`}
      >
        Expand
      </button>
      <details className={styles.menu} ref={menu}>
        <summary
          className={styles.button}
          aria-label={`${chart.title}: options`}
          data-testid={`options-${chart.id}`}
        >
          Options
        </summary>
        <Options {...props} change={change} />
      </details>
    </div>
  );
});

function Options(props: ChartToolbarProps & { change: (next: Partial<ChartSettings>) => void }) {
  const { chart, settings, drawn, actions, change } = props;
  const id = useId();
  return (
    <div className={styles.panel}>
      <fieldset className={styles.axis}>
        <legend>X axis</legend>
        {X_AXES.map((kind) => (
          <label key={kind} className={styles.choice}>
            <input
              type="radio"
              name={`${id}-x`}
              checked={settings.x === kind}
              disabled={kind === 'tokens' && !props.tokensKnown}
              onChange={() => change({ x: kind })}
              data-testid={`x-${kind}-${chart.id}`}
            />
            <span>{X_LABELS[kind]}</span>
          </label>
        ))}
      </fieldset>
      <label className={styles.choice}>
        <input
          type="checkbox"
          checked={settings.logX}
          onChange={() => change({ logX: !settings.logX })}
          data-testid={`logx-${chart.id}`}
        />
        Logarithmic x axis
      </label>
      <label className={styles.choice}>
        <input
          type="checkbox"
          checked={settings.lockedY !== null}
          disabled={!drawn && settings.lockedY === null}
          onChange={() => change({ lockedY: settings.lockedY ? null : [...actions.yRange()] })}
          data-testid={`locky-${chart.id}`}
        />
        Lock y axis
      </label>
      <label className={styles.choice}>
        <input
          type="checkbox"
          checked={settings.ignoreOutliers}
          onChange={() => change({ ignoreOutliers: !settings.ignoreOutliers })}
          data-testid={`outliers-${chart.id}`}
        />
        Ignore outliers
      </label>
      {props.seeds && (
        <label className={styles.choice}>
          <input
            type="checkbox"
            checked={settings.eachSeed}
            onChange={() => change({ eachSeed: !settings.eachSeed })}
            data-testid={`seeds-${chart.id}`}
          />
          A line for each seed
        </label>
      )}
      <div className={styles.actions}>
        {([0.5, 2] as const).map((factor) => (
          <button
            key={factor}
            type="button"
            className={styles.button}
            disabled={!drawn || (factor > 1 && !props.zoomed)}
            onClick={() => actions.zoomBy(factor)}
            data-testid={`zoom-${factor < 1 ? 'in' : 'out'}-${chart.id}`}
          >
            {factor < 1 ? 'Zoom in' : 'Zoom out'}
          </button>
        ))}
      </div>
      {chart.smooths && <Smoothing {...props} />}
      <div className={styles.actions}>
        <button
          type="button"
          className={styles.button}
          aria-pressed={settings.table}
          onClick={() => change({ table: !settings.table })}
          data-testid={`show-table-${chart.id}`}
        >
          Show as table
        </button>
        <button
          type="button"
          className={styles.button}
          disabled={!drawn}
          onClick={actions.saveCsv}
          data-testid={`csv-${chart.id}`}
        >
          CSV
        </button>
        {(['png', 'svg'] as const).map((kind) => (
          <button
            key={kind}
            type="button"
            className={styles.button}
            disabled={!drawn}
            onClick={() => actions.savePicture(kind)}
            data-testid={`${kind}-${chart.id}`}
          >
            {kind.toUpperCase()}
          </button>
        ))}
        <button
          type="button"
          className={styles.button}
          onClick={() => change(DEFAULT_CHARTS[chart.id])}
          data-testid={`reset-${chart.id}`}
        >
          Reset
        </button>
      </div>
      <p className={styles.keys}>
        Drag across the chart to zoom. In a focused chart: arrow keys read values, <kbd translate="no">+</kbd>{' '}
        <kbd translate="no">-</kbd> zoom, <kbd translate="no">X</kbd> <kbd translate="no">Y</kbd> logarithmic
        axis
        {chart.smooths && (
          <>
            <span>{', '}</span>
            <kbd translate="no">[</kbd>
            <span> </span>
            <kbd translate="no">]</kbd>
            <span>{' smoothing'}</span>
          </>
        )}
      </p>
    </div>
  );
}

function Smoothing({
  chart,
  settings,
  ownSmoothing,
  change,
}: ChartToolbarProps & { change: (next: Partial<ChartSettings>) => void }) {
  const value = settings.smoothing ?? ownSmoothing;
  return (
    <label className={styles.smoothing}>
      <span>{`Smoothing ${value.toFixed(2)}${settings.smoothing === null ? ', by run length' : ''}`}</span>
      <input
        type="range"
        min="0"
        max={MAX_SMOOTHING}
        step="0.01"
        value={value}
        onChange={(event) => change({ smoothing: event.target.valueAsNumber })}
        data-testid={`smoothing-${chart.id}`}
      />
    </label>
  );
}
