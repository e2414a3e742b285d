import type { ReactNode } from 'react';
import { CartesianGrid, ComposedChart, ResponsiveContainer, Tooltip, XAxis, YAxis } from 'recharts';
import { formatCount } from '../format.ts';
import styles from './StepChart.module.css';

interface StepChartProps {
  title: string;
  /** What the chart shows, for those who do not see it. */
  summary: string;
  legend: ReactNode;
  /** Why nothing is drawn; null where something is. */
  empty: string | null;
  height: number;
  lastStep: number;
  yDomain: readonly [number | 'auto', number | 'auto'];
  yTicks?: readonly number[];
  formatY: (value: number) => string;
  /** Content of the hover for a step. */
  hover: (step: number) => ReactNode;
  /** Most points of any line: what the drawing budget is about. */
  points: number;
  testId: string;
  children: ReactNode;
}

const AXIS = { fontSize: 12, fill: 'var(--muted)' };

/** The frame that all charts over steps share: axes, grid, hover, legend and the text for screen readers. */
export function StepChart(props: StepChartProps) {
  const { title, summary, legend, empty, height, lastStep, yDomain, yTicks, formatY, hover, testId } = props;
  return (
    <figure className={styles.chart} data-testid={testId} data-points={props.points}>
      <figcaption className={styles.caption}>
        <h2>{title}</h2>
        <div className={styles.legend}>{legend}</div>
      </figcaption>
      {empty !== null && (
        <p className={styles.empty} style={{ height }}>
          {empty}
        </p>
      )}
      {empty === null && <p className="visuallyHidden">{summary}</p>}
      {empty === null && (
        <ResponsiveContainer width="100%" height={height}>
          <ComposedChart margin={{ top: 8, right: 12, bottom: 0, left: 0 }} accessibilityLayer>
            <CartesianGrid stroke="var(--line)" vertical={false} />
            <XAxis
              dataKey="step"
              type="number"
              domain={[0, Math.max(10, lastStep)]}
              allowDuplicatedCategory={false}
              tickFormatter={formatCount}
              tick={AXIS}
              tickLine={false}
              axisLine={{ stroke: 'var(--line-strong)' }}
              minTickGap={24}
            />
            <YAxis
              type="number"
              width={48}
              domain={[...yDomain]}
              {...(yTicks && { ticks: [...yTicks] })}
              tickFormatter={formatY}
              tick={AXIS}
              tickLine={false}
              axisLine={false}
            />
            <Tooltip
              isAnimationActive={false}
              cursor={{ stroke: 'var(--line-strong)' }}
              content={({ active, label }) =>
                active && typeof label === 'number' ? (
                  <div className={styles.hover}>
                    <p className={styles.step}>step {formatCount(label)}</p>
                    {hover(label)}
                  </div>
                ) : null
              }
            />
            {props.children}
          </ComposedChart>
        </ResponsiveContainer>
      )}
    </figure>
  );
}
