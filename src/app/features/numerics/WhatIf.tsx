import { useId } from 'react';
import { WHAT_IF_SCALES } from '../../../engine/index.ts';
import { formatPowerOfTwo } from '../../format.ts';
import { Button } from '../../ui/Button.tsx';
import styles from './NumericsPanel.module.css';

interface WhatIfProps {
  scaleLog2: number;
  /** log2 of the scale the run used. */
  current: number;
  /** log2 of the scale that loses least. */
  best: number;
  /** The run's mode scales its loss. */
  scaled: boolean;
  forecast: { share: string; rest: string };
  /** Null follows the run again. */
  onAsk: (scaleLog2: number | null) => void;
}

/** Shows what another loss scale would lose of the gradients just counted, without training a step. */
export function WhatIf({ scaleLog2, current, best, scaled, forecast, onAsk }: WhatIfProps) {
  const id = useId();
  const { lowest, highest } = WHAT_IF_SCALES;
  const bestShare = (best - lowest) / (highest - lowest);
  const own = scaled ? `the run's ${formatPowerOfTwo(current)}` : 'no scaling, as in this run';
  return (
    <div className={styles.whatIf}>
      <label htmlFor={id} className={styles.whatIfLabel}>
        What if the loss scale were{' '}
        <output translate="no" htmlFor={id} data-testid="numerics-scale">
          {formatPowerOfTwo(scaleLog2)}
        </output>
        {scaleLog2 === current && <span className={styles.muted}>{` (${own})`}</span>}
      </label>
      <div className={styles.slider}>
        <input
          id={id}
          type="range"
          min={lowest}
          max={highest}
          step={1}
          value={scaleLog2}
          onChange={(event) => onAsk(Number(event.target.value))}
          aria-valuetext={`2 to the ${scaleLog2}`}
          data-testid="numerics-what-if"
        />
        <span
          className={styles.bestMark}
          style={{ left: `calc(0.5rem + ${bestShare} * (100% - 1rem))` }}
          aria-hidden="true"
        />
      </div>
      <div className={styles.buttons}>
        <Button onClick={() => onAsk(best)} data-testid="numerics-best" data-scale={best}>
          <span className={styles.bestSwatch} aria-hidden="true" />
          <span>{` Best scale: ${formatPowerOfTwo(best)}`}</span>
        </Button>
        <Button onClick={() => onAsk(null)} disabled={scaleLog2 === current} data-testid="numerics-current">
          {`Back to ${scaled ? formatPowerOfTwo(current) : 'no scaling'}`}
        </Button>
      </div>
      <p data-testid="numerics-forecast">
        <strong translate="no" data-testid="numerics-flushed">
          {forecast.share}
        </strong>
        <span>{` ${forecast.rest}`}</span>
      </p>
    </div>
  );
}
