import { useId, useRef } from 'react';
import { WHAT_IF_SCALES } from '../../engine/index.ts';
import { DRAWN_EXPONENTS, type GradientHistogram as Histogram } from '../../store/story/figures.ts';
import { formatCount, formatPowerOfTwo } from '../format.ts';
import { useWidth } from '../hooks/useWidth.ts';
import styles from './GradientHistogram.module.css';
import { formatLost } from './messages.ts';

/** Exponents of stored values between which the bars are drawn. */
const LOW = DRAWN_EXPONENTS.lowest;
const HIGH = DRAWN_EXPONENTS.highest + 1;
const HEIGHT = 220;
const FLOOR = 24;
const HEAD = 22;

interface GradientHistogramProps {
  /** Without a scale. */
  still: Histogram;
  /** At the scale of the handle. */
  moved: Histogram;
  /** log2 of the scale that the handle stands at. */
  scale: number;
  onScale: (scale: number) => void;
  /** What the figures are of: "step 120". */
  of: string;
}

/**
 * The distribution of the gradients over powers of two, as a format stores them: the zones of the format stay, and the scale
 * moves the gradients.
 */
export function GradientHistogram({ still, moved, scale, onScale, of }: GradientHistogramProps) {
  const frame = useRef<HTMLDivElement>(null);
  const width = useWidth(frame);
  const id = useId();
  const lost = formatLost(moved.lostShare ?? 0);
  const { lowest, highest } = WHAT_IF_SCALES;
  return (
    <div className={styles.histogram}>
      <p className={styles.headline} data-testid="story-lost">
        <strong translate="no">{lost}</strong>
        <span>{` of its gradients would become 0 at this loss scale${moved.overflow > 0 ? `, and ${formatCount(moved.overflow)} too large: the step would be skipped` : ''}.`}</span>
      </p>
      <div
        ref={frame}
        className={styles.frame}
        role="img"
        aria-label={`Gradients by power of two, ${of}, with the loss multiplied by 2 to the ${scale}: ${lost} are too small for f16.`}
      >
        {width > 0 && <Bars histogram={still} scale={scale} width={width} clip={id} />}
      </div>
      <div className={styles.control}>
        <label htmlFor={`${id}-scale`}>
          <span>Loss scale</span>
          <output translate="no" htmlFor={`${id}-scale`} data-testid="story-scale-value">
            {`${formatPowerOfTwo(scale)} = ${formatCount(2 ** scale)}`}
          </output>
        </label>
        <input
          id={`${id}-scale`}
          type="range"
          min={lowest}
          max={highest}
          step={1}
          value={scale}
          onChange={(event) => onScale(Number(event.target.value))}
          aria-valuetext={`2 to the ${scale}: ${lost} of the gradients lost`}
          data-testid="story-scale"
        />
        <p className={styles.ends} aria-hidden="true">
          <span>{formatPowerOfTwo(lowest)}</span>
          <span>{formatPowerOfTwo(highest)}</span>
        </p>
      </div>
    </div>
  );
}

interface BarsProps {
  histogram: Histogram;
  scale: number;
  width: number;
  clip: string;
}

/** Bars are drawn twice, in the colour of each zone and clipped to it, so that only one group moves with the scale. */
function Bars({ histogram, scale, width, clip }: BarsProps) {
  const { bins, bands } = histogram;
  const column = width / (HIGH - LOW);
  const x = (exponent: number) => Math.min(width, Math.max(0, (exponent - LOW) * column));
  const floor = HEIGHT - FLOOR;
  const peak = Math.max(0.1, ...bins.map(({ share }) => share));
  const kept = x(bands.keptFrom);
  const over = x(bands.overflowFrom);
  const every = width < 520 ? 16 : 8;
  const ticks = Array.from({ length: Math.ceil((HIGH - LOW) / every) }, (_, i) => LOW + i * every).filter(
    (exponent) => x(exponent) > 16 && x(exponent) < width - 16,
  );
  const bars = (
    <g style={{ transform: `translateX(${scale * column}px)` }} className={styles.moving}>
      {bins.map(({ exponent, share }) => {
        const height = ((floor - FLOOR - HEAD) * share) / peak;
        return (
          <rect
            key={exponent}
            x={(exponent - LOW) * column + 0.5}
            width={Math.max(1, column - 1)}
            style={{ y: floor - height, height } as React.CSSProperties}
          />
        );
      })}
    </g>
  );
  return (
    <svg width={width} height={HEIGHT} className={styles.svg} aria-hidden="true">
      <defs>
        <clipPath id={`${clip}-kept`}>
          <rect x={kept} y="0" width={Math.max(0, over - kept)} height={HEIGHT} />
        </clipPath>
        <clipPath id={`${clip}-lost`}>
          <rect x="0" y="0" width={kept} height={HEIGHT} />
          <rect x={over} y="0" width={Math.max(0, width - over)} height={HEIGHT} />
        </clipPath>
      </defs>
      <rect x="0" y={HEAD} width={kept} height={floor - HEAD} className={styles.zone} />
      <rect
        x={over}
        y={HEAD}
        width={Math.max(0, width - over)}
        height={floor - HEAD}
        className={styles.zone}
      />
      <text x="0" y="14" className={styles.zoneName}>
        too small for f16: stored as 0
      </text>
      {width >= 520 && (
        <text x={width} y="14" textAnchor="end" className={styles.zoneName}>
          too large
        </text>
      )}
      <g clipPath={`url(#${clip}-kept)`} className={styles.kept}>
        {bars}
      </g>
      <g clipPath={`url(#${clip}-lost)`} className={styles.lost}>
        {bars}
      </g>
      <path d={`M0 ${floor}H${width}`} className={styles.axis} />
      {ticks.map((exponent) => (
        <text key={exponent} x={x(exponent)} y={HEIGHT - 6} textAnchor="middle">
          {formatPowerOfTwo(exponent)}
        </text>
      ))}
    </svg>
  );
}
