import { memo } from 'react';
import type { Axis } from './axes.ts';
import { type DrawingProps, INSET, REFERENCE_DASH, TICK_FONT_SIZE } from './drawing.ts';
import { bandPath, linePath, type Pixels, pixelsOf, placeLabels } from './linePath.ts';
import type { PlotLine } from './plot.ts';
import { SkipMark } from './SkipMark.tsx';
import { runColor, runDash } from './series.ts';
import { useRedrawCount } from './useRedrawCount.ts';

/**
 * Draws the chart of runs that train: two axes, and one path for each line. It is redrawn up to four times a second, which
 * recharts would take nine times as long for (docs/dependencies.md).
 */
export const LivePlot = memo(function LivePlot({ id, plot, steps, width, height, figure }: DrawingProps) {
  useRedrawCount(figure);
  const pixels = pixelsOf(plot, width, height);
  const floor = height - INSET.bottom;
  const end = width - INSET.right;
  const curves = plot.lines.filter(({ kind }) => kind !== 'validation');
  return (
    <svg width={width} height={height} display="block" aria-hidden="true">
      <Axes x={plot.x} y={plot.y} pixels={pixels} width={width} height={height} />
      {/* A nested svg clips what is drawn beyond its edges; the numbers in it are those of the whole chart. */}
      <svg
        aria-hidden="true"
        x={INSET.left}
        y={INSET.top}
        width={end - INSET.left}
        height={floor - INSET.top}
        viewBox={`${INSET.left} ${INSET.top} ${end - INSET.left} ${floor - INSET.top}`}
      >
        <g stroke="var(--line-strong)" strokeDasharray={REFERENCE_DASH}>
          {plot.references.map(({ at, label }) => (
            <path key={label} d={`M${INSET.left} ${pixels.y(at)}H${end}`} />
          ))}
        </g>
        {plot.bands.map(({ run, points }) => (
          <path
            key={run}
            className={`${id}-band`}
            d={bandPath(points, pixels)}
            fill={runColor(run)}
            fillOpacity={0.2}
          />
        ))}
        {curves.map((line) => (
          <Curve key={`${line.kind}-${line.run}`} id={id} line={line} pixels={pixels} steps={steps} />
        ))}
      </svg>
      {plot.lines.map(
        ({ kind, run, points }) =>
          kind === 'validation' && (
            <g key={run} fill="var(--surface)" stroke={runColor(run)} strokeWidth={2}>
              {points.map(
                ({ x, y }) => y !== null && <circle key={x} cx={pixels.x(x)} cy={pixels.y(y)} r={3.5} />,
              )}
            </g>
          ),
      )}
      {plot.marks.map(
        (mark) =>
          mark.y !== null && (
            <SkipMark key={`${mark.run}-${mark.x}`} mark={mark} x={pixels.x(mark.x)} y={pixels.y(mark.y)} />
          ),
      )}
    </svg>
  );
});

interface AxesProps {
  x: Axis;
  y: Axis;
  pixels: Pixels;
  width: number;
  height: number;
}

function Axes({ x, y, pixels, width, height }: AxesProps) {
  const floor = height - INSET.bottom;
  const end = width - INSET.right;
  return (
    <>
      <path
        d={y.ticks.map(({ at }) => `M${INSET.left} ${pixels.y(at)}H${end}`).join('')}
        stroke="var(--line)"
      />
      <path d={`M${INSET.left} ${floor}H${end}`} stroke="var(--line-strong)" />
      <g fill="var(--muted)" fontSize={TICK_FONT_SIZE} textAnchor="end" data-axis="y">
        {y.ticks.map(({ at, label }) => (
          <text key={at} x={INSET.left - 8} y={pixels.y(at)} dy="0.355em">
            {label}
          </text>
        ))}
      </g>
      <g fill="var(--muted)" fontSize={TICK_FONT_SIZE} textAnchor="middle" data-axis="x">
        {placeLabels(x, pixels.x, width).map(({ label, x: at }) => (
          <text key={at} x={at} y={floor + 17}>
            {label}
          </text>
        ))}
      </g>
    </>
  );
}

interface CurveProps {
  id: string;
  line: PlotLine;
  pixels: Pixels;
  steps: boolean;
}

/** The GPU's own clock is dotted, the smoothed line strong and the raw one faint behind it. */
function Curve({ id, line: { kind, run, points }, pixels, steps }: CurveProps) {
  const stroke = runColor(run);
  const [only] = points;
  // A line with a single point has no length, so a dot is drawn.
  if (only && points.length === 1)
    return only.y === null ? null : (
      <circle cx={pixels.x(only.x)} cy={pixels.y(only.y)} r={2} fill={stroke} />
    );
  const strong = kind === 'main';
  return (
    <path
      className={strong ? `${id}-line` : undefined}
      data-line={kind}
      d={linePath(points, pixels, steps)}
      fill="none"
      stroke={stroke}
      strokeWidth={strong ? 2 : kind === 'gpu' ? 1.5 : 1}
      strokeOpacity={kind === 'raw' ? 0.4 : undefined}
      strokeDasharray={kind === 'gpu' ? '1 3' : strong ? runDash(run) : undefined}
    />
  );
}
