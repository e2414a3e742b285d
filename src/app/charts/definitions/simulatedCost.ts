import { meanCost } from '../../../store/metricsLog.ts';
import { formatCount, formatPercent } from '../../format.ts';
import type { ChartDefinition } from '../chart.ts';

/** Of runs with a precision schedule. */
export const COST: ChartDefinition = {
  id: 'cost',
  title: 'Simulated cost (% of 32 bits)',
  quantity: 'simulated cost',
  column: 'simulated_cost_percent',
  shape: 'steps',
  smooths: false,
  logY: false,
  fromZero: true,
  series: (run, index) => {
    const { length, stages, columns } = run.log;
    if (stages.length === 0) return null;
    let next = 0;
    const values = Float64Array.from({ length }, (_, i) => {
      while (stages[next + 1] && stages[next + 1]!.step <= columns.step[i]!) next += 1;
      return 100 * stages[next]!.stage.cost;
    });
    return { index, run, length, values };
  },
  format: (percent) => `${percent.toFixed(2)} %`,
  gap: 'unknown',
  tick: String,
  empty: () => 'The simulated cost of the multiply-adds of each step will appear here.',
  summary: ({ run: { title, log } }) => {
    const { step, stage } = log.stages.at(-1)!;
    const place = stage.stage === undefined ? 'blocks at' : `stage ${stage.stage} of ${stage.stages},`;
    const now = `${place} ${stage.mode}, since step ${formatCount(step)}`;
    return `${title}: ${now}, at ${formatPercent(stage.cost)} of the cost of 32 bits; ${formatPercent(meanCost(log))} on average.`;
  },
};
