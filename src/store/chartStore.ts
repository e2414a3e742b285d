import * as v from 'valibot';
import { create } from 'zustand';
import { OPTIONAL_FIGURES, perFigure } from '../session/optionalFigures.ts';
import { recall, remember } from './preferences.ts';
import { MAX_SMOOTHING } from './smoothing.ts';

const CHART_IDS = [
  'loss',
  'difference',
  'scale',
  'speed',
  'norm',
  'lr',
  'memory',
  'sharpness',
  'logit',
  ...OPTIONAL_FIGURES,
  'cost',
] as const;
export type ChartId = (typeof CHART_IDS)[number];

/** Units of a chart's x axis: steps, tokens, or seconds of training. */
export const X_AXES = ['step', 'tokens', 'time'] as const;
export type XAxisKind = (typeof X_AXES)[number];

const finite = v.pipe(v.number(), v.finite());

const SETTINGS = v.object({
  x: v.picklist(X_AXES),
  logX: v.boolean(),
  logY: v.boolean(),
  /** Null smooths according to the length of the run. */
  smoothing: v.nullable(v.pipe(finite, v.minValue(0), v.maxValue(MAX_SMOOTHING))),
  /** The fixed range of the y axis; null follows the data. */
  lockedY: v.nullable(v.tuple([finite, finite])),
  /** Whether the y axis leaves out the outermost values. */
  ignoreOutliers: v.boolean(),
  /** Whether each seed of a mode has a line, instead of their mean with a band. */
  eachSeed: v.boolean(),
  expanded: v.boolean(),
  table: v.boolean(),
});

export type ChartSettings = Readonly<v.InferOutput<typeof SETTINGS>>;

const STANDARD: ChartSettings = {
  x: 'step',
  logX: false,
  logY: false,
  smoothing: null,
  lockedY: null,
  ignoreOutliers: false,
  eachSeed: false,
  expanded: false,
  table: false,
};

/** The speed needs no smoothing: it is a median of 20 steps already. */
export const DEFAULT_CHARTS: Readonly<Record<ChartId, ChartSettings>> = {
  loss: STANDARD,
  difference: STANDARD,
  scale: STANDARD,
  speed: { ...STANDARD, smoothing: 0 },
  norm: STANDARD,
  lr: STANDARD,
  memory: STANDARD,
  sharpness: STANDARD,
  logit: STANDARD,
  ...perFigure(() => STANDARD),
  cost: STANDARD,
};

interface ChartState {
  readonly charts: Readonly<Record<ChartId, ChartSettings>>;
  change(id: ChartId, change: Partial<ChartSettings>): void;
}

export const useCharts = create<ChartState>()((set) => ({
  charts: storedCharts(recall('charts')),
  change: (id, change) =>
    set((state) => {
      const charts = { ...state.charts, [id]: { ...state.charts[id], ...change } };
      remember('charts', JSON.stringify(charts));
      return { charts };
    }),
}));

/** Reads the stored settings of the charts. Missing or invalid fields get their defaults. */
export function storedCharts(text: string | null): Record<ChartId, ChartSettings> {
  const kept = parsed(text);
  const charts: Record<ChartId, ChartSettings> = { ...DEFAULT_CHARTS };
  for (const id of CHART_IDS) {
    const entry = v.safeParse(v.partial(SETTINGS), kept[id]);
    if (entry.success) charts[id] = Object.assign({}, DEFAULT_CHARTS[id], entry.output);
  }
  return charts;
}

function parsed(text: string | null): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text ?? '{}');
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
