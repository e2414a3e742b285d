import { useMemo } from 'react';
import { Line } from 'recharts';
import type { MetricsLog } from '../../store/metricsLog.ts';
import { formatCount, formatLoss } from '../format.ts';
import { LegendDot, LegendLine } from './Legend.tsx';
import type { ChartProps } from './plottedRun.ts';
import { lossPoints, validationPoints } from './points.ts';
import { StepChart } from './StepChart.tsx';
import { runColor, runDash } from './series.ts';

interface LossRun {
  readonly index: number;
  readonly title: string;
  readonly log: MetricsLog;
}

export function LossChart({ runs, frame }: ChartProps) {
  // biome-ignore lint/correctness/useExhaustiveDependencies: the logs are outside React; `frame` says when they grew
  const plotted = useMemo(
    () =>
      runs.map(({ title, log }, index) => ({
        index,
        title,
        log,
        lastStep: log.at(-1)?.step ?? 0,
        raw: lossPoints(log, 'loss'),
        smoothed: lossPoints(log, 'smoothed'),
        validation: validationPoints(log),
      })),
    [runs, frame],
  );
  const drawn = plotted.filter((run) => run.raw.length > 0);
  const lastStep = Math.max(0, ...plotted.map((run) => run.lastStep));
  const validated = drawn.some((run) => run.validation.length > 0);
  return (
    <StepChart
      title="Loss, nats a token"
      summary={drawn.map(lossSummary).join(' ')}
      legend={
        drawn.length > 0 && (
          <>
            {drawn.map(({ index, title }) => (
              <LegendLine key={index} run={index} label={title} />
            ))}
            {validated && <LegendDot label="validation" />}
          </>
        )
      }
      empty={drawn.length === 0 ? 'The loss of every step will be drawn here.' : null}
      height={300}
      lastStep={lastStep}
      yDomain={['auto', 'auto']}
      formatY={(value) => String(Number(value.toFixed(2)))}
      hover={(step) => <LossHover runs={drawn} step={step} />}
      points={Math.max(0, ...drawn.map((run) => run.raw.length))}
      testId="chart-loss"
    >
      {drawn.map(({ index, raw }) => (
        <Line
          key={`raw-${index}`}
          data={raw}
          dataKey="value"
          name="raw"
          stroke={runColor(index)}
          strokeOpacity={0.4}
          strokeWidth={1}
          dot={false}
          activeDot={false}
          isAnimationActive={false}
        />
      ))}
      {drawn.map(({ index, title, smoothed }) => (
        <Line
          key={`smoothed-${index}`}
          className="loss-line"
          data={smoothed}
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
      {drawn.map(({ index, validation }) => (
        <Line
          key={`validation-${index}`}
          data={validation}
          dataKey="value"
          name="validation"
          stroke="none"
          dot={{ r: 3.5, fill: 'var(--surface)', stroke: runColor(index), strokeWidth: 2 }}
          activeDot={false}
          isAnimationActive={false}
        />
      ))}
    </StepChart>
  );
}

function LossHover({ runs, step }: { runs: readonly LossRun[]; step: number }) {
  return runs.map(({ index, title, log }) => {
    const at = log.indexAt(step);
    const entry = log.at(at);
    if (at < 0 || !entry || entry.step !== step) return null;
    const validation = log.evals.find((result) => result.step === step);
    return (
      <div key={index}>
        <LegendLine run={index} label={title} /> {formatLoss(entry.loss)}, smoothed{' '}
        {formatLoss(log.columns.smoothed[at] ?? null)}
        {validation && <>, validation {formatLoss(validation.valLoss)}</>}
      </div>
    );
  });
}

function lossSummary({ title, log }: LossRun): string {
  const [first, last] = [log.at(0), log.at(-1)];
  if (!first || !last) return '';
  return `${title}: loss ${formatLoss(first.loss)} at step ${first.step}, ${formatLoss(last.loss)} at step ${formatCount(last.step)}.`;
}
