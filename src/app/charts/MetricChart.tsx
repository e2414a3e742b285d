import { memo, useId, useLayoutEffect, useMemo, useRef, useState } from 'react';
import { variantTitle } from '../../engine/index.ts';
import { useCharts, type XAxisKind } from '../../store/chartStore.ts';
import { download } from '../download.ts';
import { useWidth } from '../hooks/useWidth.ts';
import { rangeOf } from './axes.ts';
import { ChartTable } from './ChartTable.tsx';
import { type ChartActions, ChartToolbar } from './ChartToolbar.tsx';
import { Crosshair } from './Crosshair.tsx';
import type { ChartDefinition, Series } from './chart.ts';
import { type Drawing, REFERENCE_DASH } from './drawing.ts';
import { chartCsv } from './exportCsv.ts';
import { chartPng, chartSvg, type PictureLegend } from './exportPicture.ts';
import { LegendBand, LegendDot, LegendLine, LegendReference } from './Legend.tsx';
import styles from './MetricChart.module.css';
import { buildPlot, type Plot as PlotModel, xKindOf } from './plot.ts';
import type { PlottedRun } from './plottedRun.ts';
import { hasSeeds, seedsTogether } from './seeds.ts';
import { COLORS, runColor, runDash } from './series.ts';
import { useRedraw } from './useRedraw.ts';
import { rescaled, useZoom, zoomChart, zoomFor } from './zoom.ts';

interface MetricChartProps {
  chart: ChartDefinition;
  /** Colour and dash follow the index, or the run's own `place`. */
  runs: readonly PlottedRun[];
  drawing: Drawing;
  /** Whether it is redrawn as the logs of the runs grow. */
  live: boolean;
  /** Whether it takes the full width, like the large chart. */
  wide?: boolean;
}

/**
 * Shortest time between redraws. The store has a new frame every 250 ms: the large chart is drawn at each, small ones at
 * every fourth. The times are a little shorter, so that a chart is drawn together with the figures of its frame.
 */
const LARGE_INTERVAL_MS = 200;
const SMALL_INTERVAL_MS = 950;

const X_NAMES: Readonly<Record<XAxisKind, string>> = {
  step: 'step',
  tokens: 'tokens',
  time: 'training time',
};

/** The frame shared by all charts: axes, crosshair, legend, toolbar, table, exports and the text for screen readers. */
export const MetricChart = memo(function MetricChart({
  chart,
  runs,
  drawing: DrawnPlot,
  live,
  wide = false,
}: MetricChartProps) {
  const id = useId();
  const figure = useRef<HTMLElement>(null);
  const body = useRef<HTMLDivElement>(null);
  const settings = useCharts((state) => state.charts[chart.id]);
  const width = useWidth(body);
  const interval = chart.large ? LARGE_INTERVAL_MS : SMALL_INTERVAL_MS;
  const drawn = useRedraw(figure, live ? interval : null);

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
  const xName = xNameOf(plot.xKind, plot.x.log);
  const [problem, setProblem] = useState<string | null>(null);

  const latest = useRef({ plot, shown, series });
  useLayoutEffect(() => {
    latest.current = { plot, shown, series };
  });
  // The same object at every redraw, so that the toolbar is not rendered again.
  const actions = useMemo((): ChartActions => {
    const zoomTo = (part: Parameters<typeof zoomChart>[2]) =>
      zoomChart(chart.id, { plot: latest.current.plot, of: runs[0]?.log }, part);
    const savePicture = async (kind: 'png' | 'svg') => {
      const svg = body.current?.querySelector('svg');
      if (!svg) return;
      const { xKind: kindOfX, x } = latest.current.plot;
      const picture = {
        title: chart.title,
        xLabel: xNameOf(kindOfX, x.log),
        legend: pictureLegend(latest.current.shown, latest.current.plot),
      };
      setProblem(null);
      try {
        download(
          `halfstep-${chart.id}.${kind}`,
          kind === 'svg' ? chartSvg(svg, picture) : await chartPng(svg, picture),
        );
      } catch (cause) {
        setProblem(`The image could not be created: ${cause instanceof Error ? cause.message : cause}`);
      }
    };
    return {
      yRange: () => latest.current.plot.yRange,
      showAll: () => zoomTo(null),
      zoomBy: (factor) => zoomTo(rescaled(latest.current.plot.x, latest.current.plot.wholeX, 0.5, factor)),
      saveCsv: () => {
        const csv = new Blob([chartCsv(chart, latest.current.series)], { type: 'text/csv;charset=utf-8' });
        download(`halfstep-${chart.id}.csv`, csv);
      },
      savePicture,
    };
  }, [chart, runs]);

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
          drawn={empty === null}
          ownSmoothing={runs[0]?.log.smoothing ?? 0}
          tokensKnown={xKindOf(runs, 'tokens') === 'tokens'}
          seeds={seeds}
          zoomed={zoom !== null}
          actions={actions}
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
                <DrawnPlot
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
});

function xNameOf(kind: XAxisKind, log: boolean): string {
  return `${X_NAMES[kind]}${log ? ', logarithmic' : ''}`;
}

function pictureLegend(series: readonly Series[], plot: PlotModel): PictureLegend[] {
  return [
    ...series.map(({ run, index }) => ({ text: run.title, color: runColor(index), dash: runDash(index) })),
    ...labelled(plot).map(({ label }) => ({
      text: label,
      color: 'var(--line-strong)',
      dash: REFERENCE_DASH,
    })),
  ];
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
