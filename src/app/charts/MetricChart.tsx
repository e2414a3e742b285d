import { useId, useMemo, useRef, useState } from 'react';
import { variantTitle } from '../../engine/index.ts';
import { useCharts, type XAxisKind } from '../../store/chartStore.ts';
import { download } from '../download.ts';
import { useWidth } from '../hooks/useWidth.ts';
import { rangeOf } from './axes.ts';
import { ChartTable } from './ChartTable.tsx';
import { ChartToolbar } from './ChartToolbar.tsx';
import { Crosshair } from './Crosshair.tsx';
import type { ChartDefinition, Series } from './chart.ts';
import { chartCsv } from './exportCsv.ts';
import { chartPng, chartSvg } from './exportPicture.ts';
import { LegendBand, LegendDot, LegendLine, LegendReference } from './Legend.tsx';
import styles from './MetricChart.module.css';
import { Plot, REFERENCE_DASH } from './Plot.tsx';
import { buildPlot, type Plot as PlotModel, xKindOf } from './plot.ts';
import type { ChartProps, PlottedRun } from './plottedRun.ts';
import { hasSeeds, seedsTogether } from './seeds.ts';
import { COLORS, runColor, runDash } from './series.ts';
import { useRedraw } from './useRedraw.ts';
import { useZoom, zoomFor } from './zoom.ts';

interface MetricChartProps extends ChartProps {
  chart: ChartDefinition;
  /** Whether it takes the full width, like the large chart. */
  wide?: boolean;
}

/** Shortest time between redraws: the large chart up to four times a second, small ones once a second. */
const LARGE_INTERVAL_MS = 250;
const SMALL_INTERVAL_MS = 1000;

const X_NAMES: Readonly<Record<XAxisKind, string>> = {
  step: 'step',
  tokens: 'tokens',
  time: 'training time',
};

/** The frame shared by all charts: axes, crosshair, legend, toolbar, table, exports and the text for screen readers. */
export function MetricChart({ chart, runs, frame, wide = false }: MetricChartProps) {
  const id = useId();
  const figure = useRef<HTMLElement>(null);
  const body = useRef<HTMLDivElement>(null);
  const settings = useCharts((state) => state.charts[chart.id]);
  const width = useWidth(body);
  const drawn = useRedraw(figure, frame, chart.large ? LARGE_INTERVAL_MS : SMALL_INTERVAL_MS);

  // biome-ignore lint/correctness/useExhaustiveDependencies: the logs are outside React; `drawn` says when to read them again
  const series = useMemo(
    () =>
      runs
        .flatMap((run, index) => chart.series(run, run.place ?? index, runs, settings) ?? [])
        .filter(({ length }) => length > 0),
    [chart, runs, settings, drawn],
  );
  const xKind = xKindOf(runs, settings.x);
  const seeds = chart.shape === 'line' && hasSeeds(series);
  const shown = useMemo(
    () => (seeds && !settings.eachSeed ? seedsTogether(series, xKind) : series),
    [series, seeds, settings.eachSeed, xKind],
  );
  const zoomed = useZoom((state) => state[chart.id]);
  const zoom = zoomFor(zoomed, xKind, runs[0]?.log);
  const plot = useMemo(
    () => buildPlot(chart, shown, settings, width, zoom),
    [chart, shown, settings, width, zoom],
  );
  const empty = emptyText(chart, runs, shown, plot);
  const height = heightOf(chart, settings.expanded);
  const xName = `${X_NAMES[plot.xKind]}${plot.x.log ? ', logarithmic' : ''}`;
  const [problem, setProblem] = useState<string | null>(null);

  const savePicture = async (kind: 'png' | 'svg') => {
    const svg = body.current?.querySelector('svg');
    if (!svg) return;
    const legend = [
      ...shown.map(({ run, index }) => ({
        text: run.title,
        color: runColor(index),
        dash: runDash(index),
      })),
      ...labelled(plot).map(({ label }) => ({
        text: label,
        color: 'var(--line-strong)',
        dash: REFERENCE_DASH,
      })),
    ];
    setProblem(null);
    try {
      const picture = { title: chart.title, xLabel: xName, legend };
      download(
        `halfstep-${chart.id}.${kind}`,
        kind === 'svg' ? chartSvg(svg, picture) : await chartPng(svg, picture),
      );
    } catch (cause) {
      setProblem(`The image could not be created: ${cause instanceof Error ? cause.message : cause}`);
    }
  };

  return (
    <figure
      ref={figure}
      className={[
        styles.chart,
        chart.large ? styles.large : '',
        wide || chart.large || settings.expanded ? styles.wide : '',
      ].join(' ')}
      aria-labelledby={`${id}-title`}
      data-testid={`chart-${chart.id}`}
      data-points={Math.max(0, ...plot.lines.map(({ points }) => points.length))}
    >
      <figcaption className={styles.head}>
        <h2 id={`${id}-title`}>{chart.title}</h2>
        <ChartToolbar
          chart={chart}
          settings={settings}
          yRange={empty === null ? plot.yRange : null}
          ownSmoothing={runs[0]?.log.smoothing ?? 0}
          tokensKnown={xKindOf(runs, 'tokens') === 'tokens'}
          seeds={seeds}
          zoomed={zoom !== null}
          plot={plot}
          of={runs[0]?.log}
          onCsv={() =>
            download(
              `halfstep-${chart.id}.csv`,
              new Blob([chartCsv(chart, series)], { type: 'text/csv;charset=utf-8' }),
            )
          }
          onPicture={savePicture}
        />
        {/* As high without entries, so that nothing moves when the first step is drawn. */}
        <div className={styles.legend}>
          {empty === null && <Legend chart={chart} series={shown} plot={plot} />}
        </div>
      </figcaption>
      {problem && <p className={styles.problem}>{problem}</p>}
      <div ref={body} className={styles.body}>
        {empty !== null && (
          <p className={styles.empty} style={{ height }}>
            {empty}
          </p>
        )}
        {empty === null && (
          <>
            <p className="visuallyHidden">{shown.map(chart.summary).join(' ')}</p>
            {width > 0 && (
              <Crosshair
                chart={chart}
                series={shown}
                plot={plot}
                of={runs[0]?.log}
                width={width}
                height={height}
              >
                <Plot
                  id={chart.id}
                  plot={plot}
                  steps={chart.shape === 'steps'}
                  width={width}
                  height={height}
                  figure={figure}
                />
              </Crosshair>
            )}
          </>
        )}
        <p className={styles.xName} data-testid={`x-name-${chart.id}`}>
          {empty === null && xName}
        </p>
      </div>
      {settings.table && empty === null && <ChartTable chart={chart} series={series} kind={plot.xKind} />}
    </figure>
  );
}

interface LegendProps {
  chart: ChartDefinition;
  series: readonly Series[];
  plot: PlotModel;
}

function Legend({ chart, series, plot }: LegendProps) {
  return (
    <>
      {series
        // Further seeds of a mode look like the first and need no entry.
        .filter(({ lineless, run, band }) => !lineless && (band || (run.place ?? 0) < COLORS))
        .map(({ index, run, band }) => (
          <LegendLine
            key={index}
            run={index}
            label={run.place === undefined || band ? run.title : variantTitle(run.mode)}
          />
        ))}
      {plot.bands.length > 0 && <LegendBand label="least to greatest" />}
      {plot.lines.some(({ kind }) => kind === 'validation') && <LegendDot label="validation" />}
      {labelled(plot).map(({ label }) => (
        <LegendReference key={label} label={label} dash={REFERENCE_DASH} />
      ))}
      {chart.legend?.(series)}
    </>
  );
}

function labelled({ references }: PlotModel): PlotModel['references'] {
  return references.filter(({ label }) => label !== '');
}

/** Why nothing is drawn; null when something is. */
function emptyText(
  chart: ChartDefinition,
  runs: readonly PlottedRun[],
  series: readonly Series[],
  { lines, marks }: PlotModel,
): string | null {
  if (marks.length > 0 || lines.some(({ points }) => points.some(({ y }) => y !== null))) return null;
  const measured = series.some(
    ({ values, length }) => rangeOf(Array.from({ length }, (_, i) => values[i]!)) !== null,
  );
  if (measured) return `No ${chart.quantity} above 0, which a logarithmic axis requires.`;
  return chart.empty(runs);
}

function heightOf(chart: ChartDefinition, expanded: boolean): number {
  if (chart.large) return expanded ? 520 : 300;
  return expanded ? 360 : 180;
}
