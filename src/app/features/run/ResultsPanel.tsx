import { scalingOf } from '../../../engine/index.ts';
import type { RunSummary } from '../../../session/protocol.ts';
import { type RunView, useRun } from '../../../store/runStore.ts';
import {
  formatCount,
  formatLoss,
  formatMiB,
  formatPercent,
  formatPowerOfTwo,
  formatTokensPerSecond,
} from '../../format.ts';
import { runLabel } from '../../messages.ts';
import { FiguresTable } from '../../ui/FiguresTable.tsx';
import { Panel } from '../../ui/Panel.tsx';
import { Swatch } from '../../ui/Swatch.tsx';

type Finished = RunView & { readonly summary: RunSummary };

const NOT_MEASURED = 'not measured';

const ROWS: readonly (readonly [name: string, label: string, cell: (run: Finished) => string])[] = [
  [
    'val-loss',
    'Validation loss',
    ({ summary: { valLoss, emaLoss } }) =>
      `${formatLoss(valLoss)}${emaLoss === undefined ? '' : `, ${formatLoss(emaLoss)} with averaged weights`}`,
  ],
  [
    'final-loss',
    'Final training loss',
    ({ summary }) => (summary.steps === 0 ? 'no step taken' : formatLoss(summary.finalLoss)),
  ],
  [
    'tokens-per-sec',
    'Tokens/s',
    ({ summary }) =>
      summary.tokensPerSec === null ? NOT_MEASURED : formatTokensPerSecond(summary.tokensPerSec),
  ],
  [
    'steps',
    'Steps applied',
    ({ summary }) => `${formatCount(summary.appliedSteps)} of ${formatCount(summary.steps)}`,
  ],
  [
    'skipped',
    'Steps skipped',
    ({ summary }) =>
      `${formatCount(summary.skippedSteps)} (${formatPercent(summary.skippedSteps / Math.max(1, summary.steps))})`,
  ],
  [
    'loss-scale',
    'Final loss scale',
    ({ config, summary }) =>
      scalingOf(config).kind === 'none' ? 'none' : formatPowerOfTwo(Math.log2(summary.lossScale)),
  ],
  ['memory', 'GPU memory', ({ summary }) => formatMiB(summary.memory.total)],
  ['activations', 'of which activations', ({ summary }) => formatMiB(summary.memory.activations)],
  ['storage', 'f16 storage', ({ summary }) => summary.storage ?? 'no f16'],
];

/** The results of a single run; several are shown by the comparison. */
export default function ResultsPanel() {
  const runs = useRun((state) => state.runs);
  if (!runs.some((run) => run.summary)) return null;
  return (
    <Panel title="Results">
      <FiguresTable label="Results" data-testid="results">
        <thead>
          <tr>
            <td />
            {runs.map((run, index) => (
              <th key={run.mode} scope="col">
                <Swatch place={index} />
                <span translate="no">{runLabel(run)}</span>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {ROWS.map(([name, label, cell]) => (
            <tr key={name}>
              <th scope="row">{label}</th>
              {runs.map((run) => (
                <td key={run.mode} translate="no" data-testid={`result-${name}-${run.mode}`}>
                  {isFinished(run) ? cell(run) : '–'}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </FiguresTable>
    </Panel>
  );
}

function isFinished(run: RunView): run is Finished {
  return run.summary !== null;
}
