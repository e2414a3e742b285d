import { scalingOf, tokensPerStep, variantTitle } from '../../../engine/index.ts';
import { modePlace } from '../../../store/comparison.ts';
import { meanCost } from '../../../store/metricsLog.ts';
import { logOf, type RunView, useRun } from '../../../store/runStore.ts';
import { firstConfig } from '../../../store/settings.ts';
import { useSettings } from '../../../store/settingsStore.ts';
import { runColor } from '../../charts/series.ts';
import {
  formatCount,
  formatLoss,
  formatMiB,
  formatPercent,
  formatPowerOfTwo,
  formatTokensPerSecond,
} from '../../format.ts';
import { usePlan } from '../../hooks/usePlan.ts';
import { skipSentence } from '../../messages.ts';
import { lazyPart } from '../../ui/lazyPart.tsx';
import { StatTile } from '../../ui/StatTile.tsx';
import styles from './TilesPanel.module.css';

const FoldedNotes = lazyPart('notes about the runs', () => import('./FoldedNotes.tsx'));

const NOTHING_YET = '–';

export function TilesPanel() {
  const runs = useRun((state) => state.runs);
  const active = useRun((state) => state.active);
  const place = useRun((state) => modePlace(state.runs, state.active));
  const settings = useSettings((state) => state.settings);
  const noted = runs.some(({ error, warnings }) => error !== null || warnings.length > 0);
  const run = runs[active];
  const config = run?.config ?? firstConfig(settings);
  const mode = run?.mode ?? settings.modes[0];
  return (
    <div className={styles.panel}>
      {/* Always there, so that nothing moves when a run begins or warns. */}
      <div className={styles.head}>
        <h2 className={styles.which}>
          <span className={styles.swatch} style={{ background: runColor(place) }} />
          <span translate="no">{mode && variantTitle(mode)}</span>
        </h2>
        {noted && <FoldedNotes />}
      </div>
      <dl className={styles.tiles}>
        <LossTile run={run} />
        <SpeedTile run={run} />
        <StatTile
          label="Batch size"
          value={formatCount(config.batch * config.accumulation)}
          detail={`sequences of ${config.context}: ${formatCount(tokensPerStep(config))} tokens per step`}
          title={DEFINITION.batch}
          testId="batch"
        />
        <ScaleTile run={run} scaling={scalingOf(config).kind} />
        <SkippedTile run={run} index={active} />
        <MemoryTile run={run} />
        <StageTile run={run} index={active} />
      </dl>
      <details className={styles.definitions}>
        <summary>What these figures are</summary>
        <dl>
          {DEFINITIONS.map(([term, definition]) => (
            <div key={term}>
              <dt>{term}</dt>
              <dd>{`${definition}.`}</dd>
            </div>
          ))}
        </dl>
      </details>
    </div>
  );
}

/** Only of runs with a precision schedule. */
function StageTile({ run, index }: TileProps & { index: number }) {
  const stage = run?.latest?.stage;
  const log = logOf(index);
  if (!stage || !log) return null;
  const { mode, forced = 0 } = stage;
  const mean = formatPercent(meanCost(log));
  const cost = `simulated cost ${formatPercent(stage.cost)}, ${mean} on average`;
  if (stage.stage === undefined) {
    return (
      <StatTile
        label="Precision of blocks"
        value={levelRange(mode.split(' '))}
        detail={`${mode}; ${cost}`}
        title={DEFINITION.blocks}
        testId="stage"
      />
    );
  }
  return (
    <StatTile
      label="Precision stage"
      value={mode}
      unit={`${stage.stage} of ${stage.stages}`}
      detail={`${cost}${forced > 0 ? `; ${forced} forced` : ''}`}
      title={DEFINITION.stage}
      testId="stage"
    />
  );
}

/** The lowest and the highest level of the blocks. */
function levelRange(levels: readonly string[]): string {
  const [low, high] = [levels.toSorted()[0], levels.toSorted().at(-1)];
  return low === high ? `${low}` : `${low} to ${high}`;
}

/** Of the tiles, for everyone whose device has no pointer to hover with. */
const DEFINITION = {
  loss: 'Mean cross-entropy of the newest training batch, in nats per token, before loss scaling',
  speed:
    'Tokens of training batches per second of wall time, including skipped steps. Live: the last 20 steps. At the end: the whole run without its first 5 steps',
  batch: 'Sequences whose gradients are averaged in one step',
  scale:
    'The loss is multiplied by this factor before the backward pass and the gradients are divided by it afterwards. It keeps small gradients above the smallest f16',
  skipped: 'Steps whose gradients overflowed: the weights were not updated and the loss scale was halved',
  stage:
    'Levels to which operands are rounded now. Its cost is computed as a share of that of 32 bits: nothing is faster. A stage is forced if it begins because its turn has come and not because the loss has stopped falling',
  blocks:
    'Levels to which the operands of each block are rounded now, first block first: the lowest whose measured noise is below the threshold. The rule is ours, not that of the paper (DFQ). Its cost is computed as a share of that of 32 bits: nothing is faster',
  memory:
    'All buffers of the run: weights, gradients, optimizer states, activations. Before the start, the planned allocation',
} as const;
const DEFINITIONS = [
  ['Loss', DEFINITION.loss],
  ['Tokens/s', DEFINITION.speed],
  ['Batch size', DEFINITION.batch],
  ['Loss scale', DEFINITION.scale],
  ['Skipped steps', DEFINITION.skipped],
  ['GPU memory', DEFINITION.memory],
] as const;

interface TileProps {
  run: RunView | undefined;
}

function LossTile({ run }: TileProps) {
  const val = run?.valLoss;
  return (
    <StatTile
      label="Loss"
      value={run?.latest ? formatLoss(run.latest.loss) : NOTHING_YET}
      {...(typeof run?.latest?.loss === 'number' && { unit: 'nats' })}
      detail={val ? `validation ${formatLoss(val.value)} at step ${formatCount(val.step)}` : 'training batch'}
      title={DEFINITION.loss}
      tone={run?.latest && run.latest.loss === null ? 'bad' : 'normal'}
      testId="loss"
    />
  );
}

function SpeedTile({ run }: TileProps) {
  const speed = run?.summary?.tokensPerSec ?? run?.tokensPerSec ?? null;
  const lockstep = useRun((state) => state.schedule === 'lockstep');
  // Between the steps of a run the others take theirs, so only the GPU's clock measures its own speed.
  const timestamps = run?.latest?.gpuMs != null;
  const unknownSpeed = run?.latest
    ? lockstep && !timestamps
      ? 'not measured (interleaved)'
      : 'warming up'
    : '';
  const perStep = run && speed ? (tokensPerStep(run.config) / speed) * 1000 : null;
  return (
    <StatTile
      label="Tokens/s"
      value={speed === null ? NOTHING_YET : formatTokensPerSecond(speed)}
      detail={
        perStep === null
          ? unknownSpeed
          : `${perStep < 100 ? perStep.toPrecision(3) : formatCount(perStep)} ms ${lockstep ? 'of GPU time ' : ''}per step`
      }
      title={DEFINITION.speed}
      testId="speed"
    />
  );
}

function ScaleTile({ run, scaling }: TileProps & { scaling: 'none' | 'static' | 'dynamic' }) {
  const scale = run?.latest?.lossScale;
  const value = scale === undefined ? NOTHING_YET : formatPowerOfTwo(Math.log2(scale));
  return (
    <StatTile
      label="Loss scale"
      value={scaling === 'none' ? 'none' : value}
      detail={
        scaling === 'none'
          ? 'this mode does not scale'
          : `${scale === undefined ? '' : `${formatCount(scale)}, `}${scaling}`
      }
      title={DEFINITION.scale}
      testId="scale"
    />
  );
}

function SkippedTile({ run, index }: TileProps & { index: number }) {
  const latest = run?.latest;
  const log = logOf(index);
  const last = log?.lastSkipped ?? -1;
  const overflow = log?.overflowAt(last) ?? null;
  return (
    <StatTile
      label="Skipped steps"
      value={latest ? formatCount(latest.skippedSteps) : NOTHING_YET}
      detail={
        latest && (
          <>
            <span>{`${formatPercent(latest.skippedSteps / latest.step)} of ${formatCount(latest.step)}`}</span>
            {overflow && <span>{`; last: ${overflow}`}</span>}
          </>
        )
      }
      title={log && last >= 0 ? skipSentence(log, last) : DEFINITION.skipped}
      tone={skipTone(index)}
      testId="skipped"
    />
  );
}

/** A few skips while the loss scale settles are normal; more than 1 % of the last 200 steps are not. */
function skipTone(index: number): 'normal' | 'caution' | 'bad' {
  const log = logOf(index);
  if (log?.skippedOfLast(10) === 10) return 'bad';
  return log && log.length >= 200 && log.skippedOfLast(200) > 2 ? 'caution' : 'normal';
}

function MemoryTile({ run }: TileProps) {
  const plan = usePlan();
  const memory = run?.facts?.memory ?? plan.memory[0];
  return (
    <StatTile
      label="GPU memory"
      value={memory ? formatMiB(memory.total) : NOTHING_YET}
      detail={memory && `activations ${formatMiB(memory.activations)}${run?.facts ? '' : ', planned'}`}
      title={DEFINITION.memory}
      testId="memory"
    />
  );
}
