/** A lazy chunk with recharts: the loss of each mode over the learning rate. */
import { useMemo, useRef } from 'react';
import { Area, CartesianGrid, ComposedChart, Line, XAxis, YAxis } from 'recharts';
import { rateName, sweepRows, variantTitle } from '../../../engine/index.ts';
import type { KeptSweep } from '../../../store/sweep/records.ts';
import { linearAxis, rangeOf, withRoom } from '../../charts/axes.ts';
import { LegendBand, LegendLine } from '../../charts/Legend.tsx';
import { BAND, CHART, GRID, ticksOf, X_AXIS, Y_AXIS } from '../../charts/recharts.ts';
import { runColor, runDash } from '../../charts/series.ts';
import { formatLoss } from '../../format.ts';
import { useWidth } from '../../hooks/useWidth.ts';
import styles from './SweepScreen.module.css';

const HEIGHT = 260;

/** The mean of the seeds as a line, from the least to the greatest as a band. Where no seed counts, there is a gap. */
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
        <ComposedChart {...CHART} width={width} height={HEIGHT}>
          <CartesianGrid {...GRID} />
          <XAxis
            {...X_AXIS}
            domain={[...x]}
            ticks={rates}
            tickFormatter={(at: number) => rateName(Number((10 ** at).toPrecision(6)))}
          />
          <YAxis {...Y_AXIS} {...ticksOf(y)} />
          {curves.map(({ mode, place, points }) => (
            <Area {...BAND} key={`band ${mode}`} data={points} fill={runColor(place)} />
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
