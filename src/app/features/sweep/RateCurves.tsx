/** A lazy chunk with recharts: the loss of each mode over the learning rate. */
import { useMemo, useRef } from 'react';
import { Area, CartesianGrid, ComposedChart, Line, XAxis, YAxis } from 'recharts';
import { rateName, sweepRows, variantTitle } from '../../../engine/index.ts';
import type { KeptSweep } from '../../../store/sweep/records.ts';
import { linearAxis, rangeOf, withRoom } from '../../charts/axes.ts';
import { INSET } from '../../charts/drawing.ts';
import { LegendBand, LegendLine } from '../../charts/Legend.tsx';
import { runColor, runDash } from '../../charts/series.ts';
import { formatLoss } from '../../format.ts';
import { useWidth } from '../../hooks/useWidth.ts';
import styles from './SweepScreen.module.css';

const HEIGHT = 260;
const TICK = { fontSize: 12, fill: 'var(--muted)' };

/** The mean of the seeds as a line, from the least to the greatest as a band. Where all runs diverged, there is a gap. */
export default function RateCurves({ sweep: { grid, cells } }: { sweep: KeptSweep }) {
  const curves = useMemo(() => curvesOf({ grid, cells }), [grid, cells]);
  const range = rangeOf(curves.flatMap(({ points }) => points.flatMap(({ range: both }) => both ?? [])));
  if (grid.learningRates.length < 2 || !range) return null;
  return <Figure grid={grid} curves={curves} range={range} />;
}

interface FigureProps {
  grid: KeptSweep['grid'];
  curves: readonly Curve[];
  range: readonly [low: number, high: number];
}

function Figure({ grid, curves, range }: FigureProps) {
  const host = useRef<HTMLElement>(null);
  const width = useWidth(host);
  const y = linearAxis(...withRoom(range, false), 5, (loss) => String(Number(loss.toPrecision(4))));
  const rates = grid.learningRates.map(Math.log10);
  const x = withRoom([Math.min(...rates), Math.max(...rates)], false);
  const label = new Map(y.ticks.map((tick) => [tick.at, tick.label]));
  return (
    <figure ref={host} className={styles.curves} aria-labelledby="rate-curves" data-testid="sweep-curves">
      <figcaption>
        <h3 id="rate-curves">Validation loss by learning rate</h3>
        <div className={styles.curvesLegend}>
          {curves.map(({ mode, place }) => (
            <LegendLine key={mode} run={place} label={variantTitle(mode)} />
          ))}
          {grid.seeds.length > 1 && <LegendBand label="least to greatest of the seeds" />}
        </div>
      </figcaption>
      <p className="visuallyHidden">{curves.map(sentenceOf).join(' ')}</p>
      {width > 0 && (
        <ComposedChart
          width={width}
          height={HEIGHT}
          margin={{ top: INSET.top, right: INSET.right, bottom: 0, left: 0 }}
          accessibilityLayer={false}
        >
          <CartesianGrid stroke="var(--line)" vertical={false} syncWithTicks />
          <XAxis
            dataKey="x"
            type="number"
            height={INSET.bottom}
            domain={[...x]}
            ticks={rates}
            tickFormatter={(at: number) => rateName(Number((10 ** at).toPrecision(6)))}
            tick={TICK}
            tickLine={false}
            axisLine={{ stroke: 'var(--line-strong)' }}
            minTickGap={16}
          />
          <YAxis
            type="number"
            width={INSET.left}
            domain={[y.low, y.high]}
            ticks={y.ticks.map(({ at }) => at)}
            tickFormatter={(at: number) => label.get(at) ?? ''}
            tick={TICK}
            tickLine={false}
            axisLine={false}
            interval={0}
          />
          {curves.map(({ mode, place, points }) => (
            <Area
              key={`band ${mode}`}
              data={points}
              dataKey="range"
              type="linear"
              stroke="none"
              fill={runColor(place)}
              fillOpacity={0.2}
              activeDot={false}
              isAnimationActive={false}
            />
          ))}
          {curves.map(({ mode, place, points }) => (
            <Line
              key={mode}
              data={points}
              dataKey="mean"
              type="linear"
              stroke={runColor(place)}
              strokeWidth={2}
              strokeDasharray={runDash(place) ?? '0'}
              dot={{ r: 3, fill: runColor(place), stroke: runColor(place), strokeDasharray: '0' }}
              activeDot={false}
              isAnimationActive={false}
            />
          ))}
        </ComposedChart>
      )}
    </figure>
  );
}

type Curve = ReturnType<typeof curvesOf>[number];

function curvesOf(sweep: Pick<KeptSweep, 'grid' | 'cells'>) {
  return sweepRows(sweep).map(({ mode, results }, place) => ({
    mode,
    place,
    points: results.map(({ learningRate, loss }) => ({
      x: Math.log10(learningRate),
      learningRate,
      mean: loss?.mean ?? null,
      range: loss ? ([loss.low, loss.high] as const) : null,
    })),
  }));
}

function sentenceOf({ mode, points }: Curve): string {
  const losses = points.flatMap(({ learningRate, mean }) =>
    mean === null ? [] : [`${formatLoss(mean)} at ${rateName(learningRate)}`],
  );
  return `${variantTitle(mode)}: ${losses.length > 0 ? losses.join(', ') : 'no loss yet'}.`;
}
