import { memo } from 'react';
import {
  Area,
  CartesianGrid,
  ComposedChart,
  Line,
  ReferenceLine,
  Scatter,
  type ScatterShapeProps,
  XAxis,
  YAxis,
} from 'recharts';
import { type DrawingProps, REFERENCE_DASH } from './drawing.ts';
import type { PlotLine, PlotMark } from './plot.ts';
import { BAND, CHART, GRID, ticksOf, X_AXIS, Y_AXIS } from './recharts.ts';
import { SkipMark } from './SkipMark.tsx';
import { runColor, runDash } from './series.ts';
import { useRedrawCount } from './useRedrawCount.ts';

/** Draws the chart of runs that have ended, with recharts. */
export const StaticPlot = memo(function StaticPlot({ id, plot, steps, width, height, figure }: DrawingProps) {
  useRedrawCount(figure);
  return (
    <ComposedChart {...CHART} width={width} height={height}>
      <CartesianGrid {...GRID} />
      <XAxis {...X_AXIS} {...ticksOf(plot.x)} allowDataOverflow />
      <YAxis {...Y_AXIS} {...ticksOf(plot.y)} allowDataOverflow />
      {plot.references.map(({ at, label }) => (
        <ReferenceLine key={label} y={at} stroke="var(--line-strong)" strokeDasharray={REFERENCE_DASH} />
      ))}
      {plot.bands.map(({ run, points }) => (
        <Area {...BAND} key={`band-${run}`} data={[...points]} fill={runColor(run)} />
      ))}
      {plot.lines.map((line) => (
        <Line
          key={`${line.kind}-${line.run}`}
          className={line.kind === 'main' ? `${id}-line` : ''}
          type={steps ? 'stepAfter' : 'linear'}
          data={[...line.points]}
          dataKey="y"
          activeDot={false}
          isAnimationActive={false}
          {...look(line)}
        />
      ))}
      {plot.marks.length > 0 && (
        <Scatter data={[...plot.marks]} dataKey="y" shape={SkipShape} isAnimationActive={false} />
      )}
    </ComposedChart>
  );
});

/**
 * Validation is drawn as dots, the GPU's own clock dotted, the smoothed line strong and the raw one faint behind it.
 */
function look({ kind, run, points }: PlotLine) {
  const stroke = runColor(run);
  // A line with a single point has no length, so a dot is drawn.
  const dot = points.length === 1 ? { r: 2, fill: stroke, stroke } : false;
  if (kind === 'validation')
    return {
      stroke: 'none',
      dot: { r: 3.5, fill: 'var(--surface)', stroke, strokeWidth: 2, clipDot: false },
    };
  if (kind === 'gpu') return { stroke, strokeDasharray: '1 3', strokeWidth: 1.5, dot };
  if (kind === 'raw') return { stroke, strokeOpacity: 0.4, strokeWidth: 1, dot };
  return { stroke, strokeDasharray: runDash(run) ?? '0', strokeWidth: 2, dot };
}

function SkipShape({ cx = 0, cy = 0, payload }: ScatterShapeProps) {
  const mark: PlotMark = payload;
  return <SkipMark mark={mark} x={cx} y={cy} />;
}
