import { memo, useMemo, useState } from 'react';
import {
  bandsOf,
  bestScale,
  columnsOf,
  type FormatId,
  gradientFormat,
  type NumericsFrame,
  recipeFor,
  STORE_NUMBERS,
  UPDATE_NUMBERS,
} from '../../../engine/index.ts';
import { type NumericsView, underflowOf } from '../../../store/numericsStore.ts';
import { type RunView, useRun } from '../../../store/runStore.ts';
import { formatCount } from '../../format.ts';
import { runLabel } from '../../messages.ts';
import { SelectField } from '../../ui/Field.tsx';
import { Heatmap } from './Heatmap.tsx';
import {
  formatWords,
  gradientSentence,
  limitsOf,
  longRunSentence,
  NOISE_SENTENCE,
  updatesSentence,
  whatIfSentence,
} from './messages.ts';
import { heatRows, type Order } from './model.ts';
import { NumbersTable } from './NumbersTable.tsx';
import styles from './NumericsPanel.module.css';
import { NumericsTable } from './NumericsTable.tsx';
import { UnderflowStrip } from './UnderflowStrip.tsx';
import { VIEW_WORDS } from './views.ts';
import { WhatIf } from './WhatIf.tsx';

const OTHER_FORMATS: readonly FormatId[] = ['f16', 'f16-flush', 'bf16', 'f32'];

interface FrameViewProps {
  mode: RunView['mode'];
  config: RunView['config'];
  index: number;
  view: NumericsView;
  frame: NumericsFrame;
  order: Order;
  onOrder: (order: Order) => void;
}

/** A chunk of its own, because it is not needed before the first histogram. It is rendered for each frame, not for each step. */
export default memo(function FrameView({ mode, config, index, view, frame, order, onOrder }: FrameViewProps) {
  const recipe = recipeFor(config);
  const own = gradientFormat(recipe);
  const [format, setFormat] = useState<FormatId>(own);
  /** log2 of the loss scale that the visitor asks about; null follows the run. */
  const [asked, setAsked] = useState<number | null>(null);
  const ofGradients = view === 'gradients';
  const current = Math.log2(frame.scale);
  const scaleLog2 = ofGradients ? (asked ?? current) : 0;
  const bands = useMemo(() => bandsOf(format), [format]);
  const best = useMemo(() => (ofGradients ? bestScale(frame, bands) : 0), [frame, bands, ofGradients]);
  const rows = useMemo(() => heatRows(frame, scaleLog2, bands, order), [frame, scaleLog2, bands, order]);
  const history = underflowOf(index);
  const forecast = whatIfSentence(frame, scaleLog2, format, bands);
  const learned = ofGradients ? gradientSentence(frame) : null;
  const several = useRun(({ runs }) => runs.some((run) => run.config.seed !== config.seed));
  const name = `${runLabel({ mode })}${several ? `, seed ${config.seed},` : ''}`;
  const title = `${VIEW_WORDS[view]} of ${name} at step ${formatCount(frame.step)}`;
  return (
    <>
      <p className={styles.title} data-testid="numerics-title">
        {title}
      </p>
      {learned && (
        <p data-testid="numerics-without-gradient">
          <strong translate="no">{learned.count}</strong>
          <span>{` ${learned.rest}`}</span>
        </p>
      )}
      <div className={styles.fields}>
        <SelectField
          label="Format"
          value={format}
          onChange={(event) => setFormat(event.target.value as FormatId)}
          data-testid="numerics-format"
        >
          {[own, ...OTHER_FORMATS.filter((other) => other !== own)].map((id) => (
            <option key={id} value={id}>
              {id === own ? `${formatWords(id)}, as in this run` : formatWords(id)}
            </option>
          ))}
        </SelectField>
        <SelectField
          label="Order"
          value={order}
          onChange={(event) => onOrder(event.target.value as Order)}
          data-testid="numerics-order"
        >
          <option value="layer">by layer</option>
          <option value="zeros">most zeros first, flushed or exact</option>
        </SelectField>
      </div>
      {ofGradients && (
        <WhatIf
          scaleLog2={scaleLog2}
          current={current}
          best={best}
          scaled={recipe.scaling.kind !== 'none'}
          forecast={forecast}
          onAsk={setAsked}
        />
      )}
      <Heatmap
        rows={rows}
        scaleLog2={scaleLog2}
        bands={bands}
        summary={`${title}. ${ofGradients ? `${forecast.share} ${forecast.rest}` : ''} The table below has the figures.`}
      />
      {ofGradients && history && history.length > 0 && (
        <UnderflowStrip history={history} length={history.length} />
      )}
      <NumericsTable rows={rows} />
      {frame.noise.length > 0 && (
        <NumbersTable
          title="Signal to quantisation noise"
          sentence={NOISE_SENTENCE}
          columns={columnsOf(STORE_NUMBERS)}
          rows={frame.noise}
          data-testid="numerics-noise"
        />
      )}
      {frame.updates && (
        <>
          <p data-testid="numerics-updates-sentence">{updatesSentence(frame.updates)}</p>
          <NumbersTable
            title="RMS of the updates"
            columns={columnsOf(UPDATE_NUMBERS)}
            rows={frame.updates}
            data-testid="numerics-updates"
          />
        </>
      )}
      {frame.longRun && <p data-testid="numerics-long-run">{longRunSentence(frame.longRun)}</p>}
      <details>
        <summary>What is counted, and its limits</summary>
        <ul className={styles.limits}>
          {limitsOf(view, recipe).map((sentence) => (
            <li key={sentence}>{sentence}</li>
          ))}
        </ul>
      </details>
    </>
  );
});
