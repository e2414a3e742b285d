import { useRef } from 'react';
import { logOf, useRun } from '../../store/runStore.ts';
import { useWidth } from '../hooks/useWidth.ts';
import { ARMS, armOf } from './arms.ts';
import { lossPath, lossRange, type PlotBox, plotScale, spread } from './lossPlot.ts';
import styles from './StoryChart.module.css';

/** Narrower than this, the lines are named above the chart instead of at their ends. */
const NARROW = 640;
const LABEL_DISTANCE = 18;

interface StoryChartProps {
  /** Where the runs part; null while they do not. */
  parting: { readonly step: number; readonly sentence: string } | null;
  /** What the chart shows, for those who do not see it. */
  summary: string;
}

/** The losses of the three runs in one chart of its own, which is there before the Lab's charts could be loaded. */
export function StoryChart({ parting, summary }: StoryChartProps) {
  const frame = useRef<HTMLDivElement>(null);
  const width = useWidth(frame);
  const narrow = width < NARROW;
  const box: PlotBox = {
    width,
    height: narrow ? 230 : 290,
    left: 34,
    right: narrow ? 8 : 148,
    top: 26,
    bottom: 26,
  };
  return (
    <div className={styles.chart}>
      <ul className={styles.legend} aria-hidden="true">
        {ARMS.map(({ mode, name, className }) => (
          <li key={mode} className={className}>
            <svg width="22" height="8" aria-hidden="true">
              <path d="M0 4H22" className={styles.line} />
            </svg>
            <span>{name}</span>
          </li>
        ))}
      </ul>
      <div ref={frame} className={styles.frame} role="img" aria-label={summary}>
        {width > 0 && <Drawing box={box} narrow={narrow} parting={parting} />}
      </div>
    </div>
  );
}

function Drawing({
  box,
  narrow,
  parting,
}: {
  box: PlotBox;
  narrow: boolean;
  parting: StoryChartProps['parting'];
}) {
  useRun((state) => state.frame); // the logs are read again at each redraw
  const runs = useRun((state) => state.configs);
  const logs = runs.map((_, index) => logOf(index)).filter((log) => log !== undefined);
  const losses = logs.flatMap((log) => [...log.smoothedLoss()]);
  const scale = plotScale(box, runs[0]?.steps ?? 300, lossRange(losses));
  const { x, y, xTicks, yTicks } = scale;
  const end = box.width - box.right;
  const floor = box.height - box.bottom;
  const ends = logs.map((log) => {
    const loss = log.smoothedLoss()[log.length - 1] ?? Number.NaN;
    return { x: x(log.columns.step[log.length - 1] ?? 0), y: y(loss) };
  });
  const labels = spread(
    ends.map((point) => (Number.isFinite(point.y) ? point.y : box.top)),
    LABEL_DISTANCE,
    floor - 4,
  );
  return (
    <svg width={box.width} height={box.height} className={styles.svg} aria-hidden="true">
      {yTicks.map((tick) => (
        <g key={tick}>
          <path d={`M${box.left} ${y(tick)}H${end}`} className={styles.grid} />
          <text x={box.left - 8} y={y(tick) + 4} textAnchor="end">
            {tick.toFixed(1)}
          </text>
        </g>
      ))}
      {xTicks.map((tick, i) => (
        <text
          key={tick}
          x={x(tick)}
          y={box.height - 6}
          textAnchor={i === 0 ? 'start' : x(tick) > box.width - 16 ? 'end' : 'middle'}
        >
          {i === 0 ? 'step 0' : tick}
        </text>
      ))}
      {parting && (
        <g className={styles.parting} data-testid="parting-mark">
          <path d={`M${x(parting.step)} ${box.top - 12}V${floor}`} />
          <circle cx={x(parting.step)} cy={box.top - 12} r="3" />
          <text x={x(parting.step) + 9} y={box.top - 8}>
            {narrow ? `step ${parting.step}` : parting.sentence}
          </text>
        </g>
      )}
      {logs.map((log, index) => {
        const { mode, className } = armOf(runs[index]!.precision);
        const point = ends[index]!;
        return (
          <g key={mode} className={className} data-testid={`line-${mode}`}>
            <path d={lossPath(log, scale)} className={styles.line} />
            {Number.isFinite(point.y) && <circle cx={point.x} cy={point.y} r="3.5" className={styles.head} />}
          </g>
        );
      })}
      {!narrow &&
        logs.map((log, index) => {
          const { mode, name, className } = armOf(runs[index]!.precision);
          if (log.length === 0) return null;
          return (
            <text
              key={mode}
              x={ends[index]!.x + 12}
              y={labels[index]! + 4}
              className={`${styles.name} ${className}`}
            >
              {name}
            </text>
          );
        })}
    </svg>
  );
}
