import { PRESETS } from '../../../../src/engine/config/presets.ts';
import type { TimedStep } from '../../../../src/session/protocol.ts';
import { curveOf } from '../../../../src/store/history/curve.ts';
import { RECORD_VERSION, type RunRecord } from '../../../../src/store/history/record.ts';
import { MetricsLog } from '../../../../src/store/metricsLog.ts';

export function step(step: number, change: Partial<TimedStep> = {}): TimedStep {
  return {
    step,
    loss: 4 - step / 10_000,
    lossScale: 65536,
    skipped: false,
    overflow: null,
    gradNorm: 1,
    lr: 1e-3,
    appliedSteps: step,
    skippedSteps: 0,
    gpuMs: null,
    time: step * 10,
    ...change,
  };
}

export function logOfSteps(steps: readonly TimedStep[]): MetricsLog {
  const log = new MetricsLog(steps.length);
  for (const each of steps) log.push(each);
  return log;
}

export function record(change: Partial<RunRecord> = {}): RunRecord {
  const { config } = PRESETS.smoke;
  const log = logOfSteps([step(1), step(2), step(3)]);
  return {
    version: RECORD_VERSION,
    id: 'one',
    start: 'start',
    name: 'amber heron',
    note: '',
    starred: false,
    time: 1_700_000_000_000,
    outcome: 'finished',
    error: null,
    preset: 'smoke',
    variant: null,
    config: { ...config },
    facts: {
      parameters: 1000,
      storage: 'packed',
      memory: { total: 1 << 20 },
      kernels: { matmul: 'register16' },
      changes: [{ step: 2, what: 'adapter', from: 'its first', to: 'a test' }],
      text: { name: 'Moby Dick', bytes: 10, tokens: 10, vocabulary: 80 },
      start: { weights: '0123456789abcdef', batches: 'fedcba9876543210' },
    },
    summary: {
      adapter: 'a test',
      steps: 3,
      appliedSteps: 3,
      skippedSteps: 0,
      lossScale: 65536,
      firstLoss: 4,
      finalLoss: 3.5,
      valLoss: 3.25,
      tokensPerSec: 1000,
      msPerStep: 10,
      gpuMsPerStep: 8,
      gradientsFlushed: 0.01,
      mfu: null,
    },
    sharpness: [
      {
        step: 2,
        sharpness: 0.2,
        sharpnessHalf: 0.1,
        sharpnessLast: null,
        sharpnessHalfLast: 0.1,
        maxLogit: 3,
      },
    ],
    evals: [{ step: 3, valLoss: 3.25 }],
    curve: curveOf(log, 512),
    samples: [{ prompt: '', text: 'Call me', step: 3 }],
    ...change,
  };
}
