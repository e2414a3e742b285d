import { expect, test } from 'vitest';
import { dueAfter, NEVER } from '../../../src/engine/train/due.ts';
import { RunCurve } from '../../../src/session/curve.ts';
import type { TimedStep } from '../../../src/session/protocol.ts';

const SKIPPED = 7777;

function row(step: number): TimedStep {
  const skipped = step === SKIPPED;
  return {
    step,
    loss: skipped ? null : Math.fround(4 / step),
    lossScale: 2 ** 16,
    skipped,
    overflow: skipped ? 'h.0.attn' : null,
    gradNorm: skipped ? null : Math.fround(1 / 3),
    lr: Math.fround(1e-3),
    appliedSteps: step - (step >= SKIPPED ? 1 : 0),
    skippedSteps: step >= SKIPPED ? 1 : 0,
    gpuMs: null,
    time: 1.5 * step,
  };
}

function curveOf(steps: number): RunCurve {
  const curve = new RunCurve();
  for (let step = 1; step <= steps; step++) curve.addStep(row(step));
  return curve;
}

test('a short run is restored exactly up to the saved step, including steps that were not added yet', () => {
  const curve = curveOf(90);
  curve.addEval({ step: 50, valLoss: 3.25 });
  curve.addEval({ step: 90, valLoss: null });
  const { time: _, ...pending } = row(91);
  const at = (step: number) => RunCurve.parse(curve.text(step, [pending, { ...pending, step: 92 }]), step);
  expect(at(60).steps).toEqual(curve.steps.slice(0, 60));
  expect(at(60).evals).toEqual([{ step: 50, valLoss: 3.25 }]);
  expect(at(91).steps).toEqual([...curve.steps, { ...pending, time: curve.time }]);
  expect(at(91).evals).toEqual(curve.evals);
  // What a resumed run need not report again.
  expect([at(60), at(91)].map(({ reported }) => reported.evaluation)).toEqual([50, 90]);
});

test('the mean of log Z is saved with the steps that report it', () => {
  const curve = new RunCurve();
  const steps = [row(1), { ...row(2), logZ: 4.5 }, { ...row(3), logZ: null }];
  for (const step of steps) curve.addStep(step);
  expect(RunCurve.parse(curve.text(3, []), 3).steps).toEqual(steps);
});

test('the stages of a precision schedule are saved with the steps', () => {
  const curve = new RunCurve();
  const steps = [1, 1, 2, 2, 4].map((stage, i) => ({
    ...row(i + 1),
    stage: { stage, stages: 4, mode: `stage ${stage}`, forced: 0, cost: stage / 64 },
  }));
  for (const step of steps) curve.addStep(step);
  expect(RunCurve.parse(curve.text(5, []), 5).steps).toEqual(steps);
  expect(RunCurve.parse(curve.text(3, []), 3).steps).toEqual(steps.slice(0, 3));
});

test('an evaluation before the first step is kept, and a run without evaluations is recognised', () => {
  const evaluated = new RunCurve();
  evaluated.addEval({ step: 0, valLoss: 4.5 });
  const parsed = RunCurve.parse(evaluated.text(0, []), 0);
  expect(parsed.evals).toEqual([{ step: 0, valLoss: 4.5 }]);
  const due = (curve: RunCurve) =>
    dueAfter(0, { evalEvery: 0, sharpnessEvery: 0 }, new Set([0]), curve.reported);
  expect(due(parsed)).toEqual(['pause']);
  expect([parsed.reported.evaluation, new RunCurve().reported.evaluation]).toEqual([0, NEVER]);
});

test('a bounded number of steps of a long run is kept, including skipped ones and the newest', () => {
  const curve = curveOf(20_000);
  const { steps } = curve;
  expect(steps.length).toBeLessThan(2000);
  expect(steps.at(-1)).toEqual(row(20_000));
  expect(steps).toContainEqual(row(SKIPPED));
  expect(steps.every((kept, i) => kept.step > (steps[i - 1]?.step ?? 0))).toBe(true);
  const widest = Math.max(...steps.map(({ step }, i) => step - (steps[i - 1]?.step ?? 0)));
  expect(widest).toBeLessThan(100);
  const text = curve.text(20_000, []);
  expect(text.length).toBeLessThan(400_000);
  expect(RunCurve.parse(text, 20_000).steps).toEqual(steps);
});

test('repeated steps replace the earlier ones', () => {
  const curve = curveOf(30);
  for (let step = 21; step <= 25; step++) curve.addStep({ ...row(step), time: 0 });
  expect(curve.steps.map(({ step }) => step)).toEqual(Array.from({ length: 25 }, (_, i) => i + 1));
  expect(curve.steps[22]!.time).toBe(0);
});

test.each([
  ['is missing', undefined],
  ['is no JSON', '{"steps":['],
  ['is of another kind', '[]'],
  ['has a figure that is no number', curveOf(3).text(3, []).replace('65536', '"65536"')],
  [
    'has steps in no order',
    '{"steps":[],"evals":[{"step":2,"valLoss":1},{"step":1,"valLoss":1}],"sharpness":[]}',
  ],
  ['has steps that were never taken', curveOf(11).text(11, [])],
])('a curve that %s is ignored', (_, text) => {
  const { steps, evals, sharpness } = RunCurve.parse(text, 10);
  expect({ steps, evals, sharpness }).toEqual({ steps: [], evals: [], sharpness: [] });
});
