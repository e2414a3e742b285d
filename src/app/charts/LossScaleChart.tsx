import { useMemo } from 'react';
import { Line, Scatter, type ScatterShapeProps } from 'recharts';
import type { MetricsLog } from '../../store/metricsLog.ts';
import { scalesLoss } from '../../store/settings.ts';
import { formatCount, formatPercent, formatPowerOfTwo } from '../format.ts';
import { skipSentence } from '../messages.ts';
import { LegendLine, LegendSkip } from './Legend.tsx';
import type { ChartProps } from './plottedRun.ts';
import { type SkipMark, scalePoints, skipMarks } from './points.ts';
import { StepChart } from './StepChart.tsx';
import { runColor, runDash } from './series.ts';

interface ScaleRun {
  readonly index: number;
  readonly title: string;
  readonly log: MetricsLog;
  readonly scales: boolean;
  readonly steps: number;
  readonly skipped: number;
  readonly points: ReturnType<typeof scalePoints>;
  readonly marks: readonly SkipMark[];
}

/** log2 of the loss scale as a step line on a linear axis: recharts draws nothing when a log axis meets a 0. */
export function LossScaleChart({ runs, frame }: ChartProps) {
  // biome-ignore lint/correctness/useExhaustiveDependencies: the logs are outside React; `frame` says when they grew
  const plotted = useMemo(
    () =>
      runs.map(({ title, precision, log }, index): ScaleRun => {
        const last = log.at(-1);
        return {
          index,
          title,
          log,
          scales: scalesLoss(precision),
          steps: last?.step ?? 0,
          skipped: last?.skippedSteps ?? 0,
          points: scalePoints(log),
          marks: skipMarks(log),
        };
      }),
    [runs, frame],
  );
  const started = plotted.filter((run) => run.steps > 0);
  const scaled = started.filter((run) => run.scales);
  const marks = started.flatMap((run) => run.marks);
  const drawn = started.filter((run) => run.scales || run.marks.length > 0);
  const { low, high, ticks } = scaleRange(drawn);
  return (
    <StepChart
      title="Loss scale"
      summary={summaryOf(started)}
      legend={
        drawn.length > 0 && (
          <>
            {scaled.map(({ index, title }) => (
              <LegendLine key={index} run={index} label={title} />
            ))}
            {started
              .filter(({ scales, skipped }) => scales || skipped > 0)
              .map(({ index, title, skipped, steps }) => (
                <LegendSkip
                  key={index}
                  label={`${started.length > 1 ? `${title}: ` : ''}${skipText(skipped, steps)}`}
                />
              ))}
          </>
        )
      }
      empty={drawn.length === 0 ? emptyText(started) : null}
      height={200}
      lastStep={Math.max(0, ...plotted.map((run) => run.steps))}
      yDomain={[low, high]}
      yTicks={ticks}
      formatY={formatPowerOfTwo}
      hover={(step) => <ScaleHover runs={drawn} step={step} />}
      points={Math.max(0, ...drawn.map((run) => run.points.length))}
      testId="chart-scale"
    >
      {scaled.map(({ index, title, points }) => (
        <Line
          key={index}
          className="scale-line"
          type="stepAfter"
          data={points}
          dataKey="value"
          name={title}
          stroke={runColor(index)}
          strokeDasharray={runDash(index) ?? '0'}
          strokeWidth={2}
          dot={false}
          activeDot={false}
          isAnimationActive={false}
        />
      ))}
      <Scatter data={marks} dataKey="value" shape={SkipShape} isAnimationActive={false} />
    </StepChart>
  );
}

function SkipShape({ cx = 0, cy = 0, payload }: ScatterShapeProps) {
  const { step, overflow, from, to }: SkipMark = payload;
  return (
    <path d={`M${cx} ${cy - 6}l6 10h-12z`} fill="var(--bad)" data-testid="skip-mark">
      <title>{skipSentence(step, overflow, from, to)}</title>
    </path>
  );
}

/** Marks nearer than this share of the axis to the pointer are told with it: they are a few pixels wide. */
const HOVER_REACH = 0.01;

function ScaleHover({ runs, step }: { runs: readonly ScaleRun[]; step: number }) {
  return runs.map(({ index, title, log, scales, steps, marks }) => {
    const at = log.indexAt(step);
    const entry = at < 0 ? null : log.at(at);
    const near = marks.filter((mark) => Math.abs(mark.step - step) <= steps * HOVER_REACH).slice(0, 3);
    return (
      <div key={index}>
        {scales && entry && (
          <p>
            <LegendLine run={index} label={title} /> {formatPowerOfTwo(Math.log2(entry.lossScale))}
          </p>
        )}
        {near.map((mark) => (
          <p key={mark.step}>{skipSentence(mark.step, mark.overflow, mark.from, mark.to)}</p>
        ))}
      </div>
    );
  });
}

/** Whole powers with room above and below, and not more tick labels than the height holds. */
function scaleRange(runs: readonly ScaleRun[]): { low: number; high: number; ticks: number[] } {
  const values = runs.flatMap((run) => run.points.map((point) => point.value ?? 0));
  const low = Math.max(0, Math.floor(Math.min(...values, 16)) - 1);
  const high = Math.ceil(Math.max(...values, low + 2)) + 1;
  const stride = Math.max(1, Math.ceil((high - low) / 6));
  const ticks = Array.from({ length: Math.floor((high - low) / stride) + 1 }, (_, i) => low + i * stride);
  return { low, high, ticks };
}

function skipText(skipped: number, steps: number): string {
  return `${formatCount(skipped)} of ${formatCount(steps)} steps skipped (${formatPercent(skipped / Math.max(1, steps))})`;
}

function emptyText(started: readonly ScaleRun[]): string {
  if (started.length === 0)
    return 'The loss scale of every step will be drawn here, with a mark for each skipped one.';
  return `${started.map(({ title }) => title).join(' and ')}: no loss scaling, and no step was skipped.`;
}

function summaryOf(started: readonly ScaleRun[]): string {
  return started
    .map(({ title, log, scales, skipped, steps }) => {
      const scale = log.at(-1)?.lossScale ?? 1;
      const what = scales ? `loss scale 2 to the ${Math.log2(scale)}` : 'does not scale the loss';
      return `${title}: ${what}, ${skipText(skipped, steps)}.`;
    })
    .join(' ');
}
