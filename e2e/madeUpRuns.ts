/**
 * Replaces the training worker by a fake that invents figures, at any pace and for any number of steps, to test what
 * the page does with runs that a software GPU could not train within a test.
 */
import type { Page } from 'playwright/test';
import type { TrainConfig } from '../src/engine/config/trainConfig.ts';
import type {
  AdapterReport,
  RunFacts,
  RunSummary,
  SessionEvent,
  TimedStep,
} from '../src/session/protocol.ts';

export interface MadeUpRuns {
  /** Steps per message; messages arrive ten times a second, like those of the real worker. */
  readonly stepsPerMessage: number;
  /** Reported duration of each step; by default about 10 ms, and more for each further mode. */
  readonly stepMs?: number;
}

export async function makeRunsUp(page: Page, options: MadeUpRuns): Promise<void> {
  await page.route(/\/worker-[^/]*\.js$/, (route) =>
    route.fulfill({
      contentType: 'text/javascript',
      body: `(${worker.toString()})(${JSON.stringify(options)})`,
    }),
  );
}

/** Runs in the worker, so it may use nothing from outside its own body. */
function worker({ stepsPerMessage, stepMs }: MadeUpRuns): void {
  const MIB = 2 ** 20;
  const scope = self as unknown as { postMessage(event: SessionEvent): void; onmessage: unknown };
  const report: AdapterReport = {
    name: 'made up',
    vendor: 'made up',
    architecture: '',
    description: '',
    isFallback: false,
    matrixConfigs: [],
    features: ['shader-f16'],
    subgroupSize: null,
    subgroup: null,
    half: 'native',
    limits: { maxStorageBufferBindingSize: 1024 * MIB, maxBufferSize: 1024 * MIB },
  };
  let stopped = false;
  let abandoned = false;

  const wait = () => new Promise((resolve) => setTimeout(resolve, 100));
  const noise = (seed: number) => {
    const x = Math.sin(seed * 12.9898) * 43758.5453;
    return x - Math.floor(x) - 0.5;
  };

  async function train(run: number, config: TrainConfig) {
    const memory = { total: (40 + 15 * run) * MIB, activations: (20 + 12 * run) * MIB } as RunFacts['memory'];
    const facts: RunFacts = {
      parameters: 811_008,
      storage: null,
      memory,
      kernels: {},
      changes: [],
      text: {
        name: 'Moby Dick',
        bytes: 1_192_770,
        tokens: 1_192_770,
        vocabulary: 80,
        checksum: 'a088a450eef3936f',
        endMarks: 0,
        unlearned: 0,
      },
      resumedAt: 0,
      start: { weights: '00000000', batches: '00000000' },
    };
    scope.postMessage({ type: 'started', run, config, facts });
    const scales = config.precision.startsWith('fp16') && config.precision !== 'fp16-noscale';
    let scaleLog2 = scales ? 16 : 0;
    let skippedSteps = 0;
    let last: TimedStep | null = null;
    for (let first = 1; first <= config.steps && !stopped; first += stepsPerMessage) {
      const steps = [];
      const evals = [];
      for (let step = first; step < first + stepsPerMessage && step <= config.steps; step++) {
        if (scales && step % 300 === 200) scaleLog2 += 1;
        const skipped = scales && (step % 600 === 250 || step % 300 === 230);
        if (skipped) skippedSteps += 1;
        const norm = 0.4 + 2.5 * Math.exp(-step / 300) + 0.15 * noise(step + run * 7);
        last = {
          step,
          loss: 1.5 + run * 0.03 + 2.9 * Math.exp(-step / (400 + 60 * run)) + 0.14 * noise(step * 3 + run),
          lossScale: 2 ** scaleLog2,
          skipped,
          overflow: skipped ? 'h.1.mlp.c_fc.weight gradient' : null,
          gradNorm: skipped ? null : norm * (step % 97 === 0 ? 2.5 : 1),
          ...(config.zLoss > 0 && { logZ: 5 + noise(step) }),
          ...(config.precisionSchedule !== 'none' && {
            stage:
              config.precisionSchedule === 'noise'
                ? { mode: 4 * step <= 3 * config.steps ? 'i8g8 i6g8' : 'i6g8 i3g6', cost: 0.04 }
                : 4 * step <= 3 * config.steps
                  ? { stage: 2, stages: 4, mode: 'i4g6', forced: 1, cost: 0.02 }
                  : { stage: 4, stages: 4, mode: 'i8g8', forced: 2, cost: 0.06 },
          }),
          lr: config.learningRate * Math.min(1, step / 100) * (1 - (0.9 * step) / config.steps),
          appliedSteps: step - skippedSteps,
          skippedSteps,
          gpuMs: null,
          time: step * (stepMs ?? 8 + 2 * run) + 3 * noise(step),
        };
        if (skipped) scaleLog2 -= 1;
        steps.push(last);
        if (step % 250 === 0) evals.push({ step, valLoss: 0.05 + (last.loss ?? 0) });
      }
      scope.postMessage({ type: 'metrics', run, steps, evals, sharpness: [] });
      await wait();
    }
    if (abandoned) return;
    const summary: RunSummary = {
      adapter: report.name,
      precision: config.precision,
      storage: null,
      params: facts.parameters,
      steps: last?.step ?? 0,
      appliedSteps: last?.appliedSteps ?? 0,
      skippedSteps,
      lossScale: 2 ** scaleLog2,
      firstLoss: 4.4,
      finalLoss: last?.loss ?? null,
      valLoss: last?.loss ?? null,
      tokensPerSec: 200_000,
      startUpMs: 1000,
      msPerStep: 8,
      gpuMsPerStep: null,
      gradientsFlushed: null,
      mfu: null,
      memory,
      kernels: {},
      changes: [],
    };
    scope.postMessage({ type: 'finished', run, summary });
  }

  scope.onmessage = async ({ data }: MessageEvent) => {
    if (data.type === 'open') scope.postMessage({ type: 'opened', report });
    if (data.type === 'stop') {
      stopped = true;
      abandoned = data.abandon === true;
    }
    if (data.type !== 'train') return;
    stopped = false;
    abandoned = false;
    for (const [run, config] of data.configs.entries()) await train(run, config);
    scope.postMessage({ type: 'completed' });
  };
}
