import { describe, expect, test } from 'vitest';
import { PRESETS } from '../../src/engine/config/presets.ts';
import type { NumericsFrame } from '../../src/engine/inspect/frame.ts';
import { BINS } from '../../src/engine/kernels/numerics.ts';
import { endsEarly, NOT_EVALUATED, withEvaluation } from '../../src/engine/model/best.ts';
import { type PrecisionMode, recipeOf } from '../../src/engine/precision/recipes.ts';
import type { StepMetrics } from '../../src/engine/train/metrics.ts';
import { ResumableRun, type ResumableRunEvents } from '../../src/engine/train/resumableRun.ts';
import { RunControl, runTraining } from '../../src/engine/train/run.ts';
import type { RunWarning } from '../../src/engine/train/runWarning.ts';
import { TooManySkipsError } from '../../src/engine/train/steppedRun.ts';
import type { Trainer } from '../../src/engine/train/trainer.ts';
import { row } from './numericsRow.ts';

const STEPS = 30;
/** Readbacks in flight while steps are submitted. */
const IN_FLIGHT = 2;

/** A trainer after `begun` steps whose steps in `skipped` are skipped; metrics arrive a few steps late. */
function trainerWith(
  precision: PrecisionMode,
  skipped: (step: number) => boolean,
  begun = 0,
  every = 0,
  earlyStop = 0,
): Trainer {
  const config = {
    ...PRESETS.smoke.config,
    precision,
    steps: STEPS,
    evalEvery: every,
    sharpnessEvery: every,
    earlyStop,
  };
  let best = NOT_EVALUATED;
  let submitted = begun;
  let arrived = begun;
  let inARow = 0;
  let longestSkips = 0;
  const takeUpTo = (step: number): StepMetrics[] => {
    const first = arrived + 1;
    arrived = Math.max(arrived, step);
    for (let i = first; i <= arrived; i++) {
      inARow = skipped(i) ? inARow + 1 : 0;
      longestSkips = Math.max(longestSkips, inARow);
    }
    return Array.from({ length: Math.max(0, step - first + 1) }, (_, i) => ({
      ...{ step: first + i, loss: 2, lossScale: 1, skipped: skipped(first + i), overflow: null },
      ...{ gradNorm: 1, lr: 1e-3, appliedSteps: 0, skippedSteps: 0, gpuMs: null },
    }));
  };
  let drained = 0;
  const parts = {
    config,
    plan: { tensors: { recipe: recipeOf(precision) } },
    report: { name: 'a GPU' },
    kernels: {},
    changes: [],
    pace: { targetMs: 300, nextTargetMs: 300 },
    numerics: { isReady: false },
    faults: { check: () => {}, explain: (cause: unknown) => cause },
    get longestSkips() {
      return longestSkips;
    },
    get submittedSteps() {
      return submitted;
    },
    step: () => {
      submitted += 1;
    },
    waitForRoom: async () => {},
    drain: async () => {
      drained = submitted;
    },
    takeMetrics: () => takeUpTo(Math.max(drained, submitted - IN_FLIGHT)),
    evaluate: async () => 2,
    get best() {
      return best;
    },
    get endedEarly() {
      return endsEarly(config, best);
    },
    get countsEvaluation() {
      return earlyStop > 0 && submitted > best.evaluatedAt;
    },
    recordEvaluation: (valLoss: number | null) => {
      if (earlyStop > 0) best = withEvaluation(best, submitted, valLoss);
    },
    sharpness: async () => ({ step: submitted }),
    state: async () => ({ lossScale: 1, applied: 0, skipped: 0 }),
    modelFlopsUtilization: async () => null,
  };
  return parts as unknown as Trainer;
}

const events = { onStep: () => {}, onEval: () => {} };
const train = (mode: PrecisionMode, skipped: (step: number) => boolean) =>
  runTraining(trainerWith(mode, skipped), events, new RunControl());

test('ten consecutive skips end a mode without a scaler, even if a later step in flight was applied', async () => {
  const error = await train('fp32', (step) => step > 5 && step <= 15).catch((cause: unknown) => cause);
  expect(error).toBeInstanceOf(TooManySkipsError);
  expect((error as TooManySkipsError).summary.steps).toBe(15 + IN_FLIGHT);
});

test('a mode that is made to fail is not explained by the learning rate', async () => {
  const hintOf = async (mode: PrecisionMode) =>
    ((await train(mode, () => true).catch((cause: unknown) => cause)) as TooManySkipsError).hint;
  expect(await hintOf('fp16-noscale')).toMatch(/meant to show a failure/);
  expect(await hintOf('fp16-noscale')).not.toContain('learning rate');
  expect(await hintOf('fp16-static')).toContain('a lower learning rate');
});

test('nine skips do not, and a dynamic scaler may search for its scale', async () => {
  expect((await train('fp32', (step) => step > 5 && step <= 14)).steps).toBe(STEPS);
  expect((await train('fp16', () => true)).steps).toBe(STEPS);
});

describe('work that is due after a step', () => {
  const EVERY = 10;
  /** Trains `kept` from step `begun` to its end. @returns what was reported, in order, without most steps */
  async function goOn(
    kept: ResumableRun,
    begun: number,
    evaluate?: () => Promise<number>,
  ): Promise<string[]> {
    const reported: string[] = [];
    const trainer = Object.assign(
      trainerWith('fp32', () => false, begun, EVERY),
      evaluate && { evaluate },
    );
    const attached = kept.attach<ResumableRunEvents>(trainer, {
      onStep: ({ step }) => void (step % EVERY === 1 && reported.push(`step ${step}`)),
      onEval: ({ step }) => void reported.push(`eval ${step}`),
      onSharpness: ({ step }) => void reported.push(`sharpness ${step}`),
      pauses: { after: new Set([EVERY]), take: async (step) => void reported.push(`rest ${step}`) },
    });
    await runTraining(trainer, attached, new RunControl()).catch((cause: unknown) =>
      reported.push(String(cause)),
    );
    kept.detach();
    return reported;
  }
  const both = (step: number) => [`eval ${step}`, `sharpness ${step}`];

  test('is done before the next step of a run resumed from a save of that step, and if it was the last step', async () => {
    const rest = ['step 11', ...both(20), 'step 21', ...both(30)];
    expect(await goOn(new ResumableRun(), 0)).toEqual(['step 1', ...both(10), 'rest 10', ...rest]);
    expect(await goOn(new ResumableRun(), 10)).toEqual([...both(10), 'rest 10', ...rest]);
    expect(await goOn(new ResumableRun(), 13)).toEqual(rest.slice(1));
    expect(await goOn(new ResumableRun(), STEPS)).toEqual(both(30));
  });

  test('is reported once, whether the device was lost during it or it is in the curve of the save', async () => {
    const kept = new ResumableRun();
    const lost = () => Promise.reject('lost');
    expect(await goOn(kept, 10, lost)).toEqual(['lost']);
    expect(await goOn(kept, 10)).toEqual([
      ...both(10),
      'rest 10',
      'step 11',
      ...both(20),
      'step 21',
      ...both(30),
    ]);
    expect(await goOn(kept, 10)).toEqual([]);
    const known = new ResumableRun({ reported: { evaluation: 20 } });
    expect(await goOn(known, 20)).toEqual(['sharpness 20', 'step 21', ...both(30)]);
  });
});

describe('the warning about a loss spike', () => {
  const LONG = 160;
  const JUMP = 140;

  /** Losses that vary by 0.05 and jump at step `JUMP`; three of four gradients are too small for f16. */
  function jumping(precision: PrecisionMode, counts: boolean): Trainer {
    const trainer = trainerWith(precision, () => false);
    const { takeMetrics } = trainer;
    const bins = new Uint32Array(BINS);
    bins[127 - 40] = 3;
    bins[127] = 1;
    const countGradients = async (): Promise<NumericsFrame> => ({
      ...{ step: trainer.submittedSteps, scale: 1, counts: bins, noise: [], cost: null },
      rows: [row('activationGradient', 'logits gradient', 'f16', false)],
    });
    Object.defineProperty(trainer, 'config', { value: { ...trainer.config, steps: LONG } });
    const loss = (step: number) => (step < JUMP ? 3 + 0.05 * Math.sin(step * 1.7) : 7);
    return Object.assign(trainer, {
      numerics: { isReady: counts },
      countGradients,
      takeMetrics: () => takeMetrics().map((metrics) => ({ ...metrics, loss: loss(metrics.step) })),
    });
  }

  async function warningsOf(precision: PrecisionMode, counts: boolean): Promise<RunWarning[]> {
    const warnings: RunWarning[] = [];
    const onWarning = (warning: RunWarning) => void warnings.push(warning);
    await runTraining(jumping(precision, counts), { ...events, onWarning }, new RunControl());
    return warnings;
  }

  test('comes once in a mode without loss scaling, with the share of gradients counted after it', async () => {
    const warnings = await warningsOf('fp16-noscale', true);
    expect(warnings.map(({ kind, step }) => [kind, step])).toEqual([['lossSpike', JUMP]]);
    expect(warnings[0]!.hint).toContain('Without loss scaling 75.0 % of the gradients');
    expect(warnings[0]!.hint).not.toContain('learning rate');
  });

  test('says that gradients were not counted if they could not be, and in other modes what often helps', async () => {
    const [warning] = await warningsOf('fp16-noscale', false);
    expect(warning!.hint).toContain('not counted');
    const [sound] = await warningsOf('fp16', true);
    expect(sound!.hint).toContain('lower learning rate');
  });
});

describe('early stop', () => {
  /** Trains with evaluations every two steps whose losses are `losses` in turn. */
  async function trainOn(losses: readonly number[], reported?: { evaluation: number }, begun = 0) {
    const left = [...losses];
    const told: number[] = [];
    const trainer = Object.assign(
      trainerWith('fp32', () => false, begun, 2, 2),
      { evaluate: async () => left.shift()! },
    );
    const summary = await runTraining(
      trainer,
      { ...events, onEval: ({ step }) => void told.push(step), ...(reported && { reported }) },
      new RunControl(),
    );
    return { summary, told };
  }

  test('a run ends after two evaluations in a row that are not lower than the lowest', async () => {
    const { summary, told } = await trainOn([3, 2, 2.5, 1.5, 1.5, 1.6, 1]);
    expect(summary).toMatchObject({ steps: 12, endedEarly: true, best: { step: 8, valLoss: 1.5 } });
    expect(told).toEqual([2, 4, 6, 8, 10, 12]);
  });

  test('a run whose loss falls takes all its steps and says nothing of an early end', async () => {
    const { summary } = await trainOn(Array.from({ length: STEPS / 2 }, (_, i) => 3 - i / 10));
    expect(summary).toMatchObject({ steps: STEPS, best: { step: STEPS } });
    expect(summary.endedEarly).toBeUndefined();
  });

  test('an evaluation that was reported but is not in the restored state is done again', async () => {
    const { told } = await trainOn([3, 3, 3], { evaluation: 4 }, 4);
    expect(told).toEqual([4, 6, 8]);
  });
});
