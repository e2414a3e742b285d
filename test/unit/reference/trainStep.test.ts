import { describe, expect, it } from 'vitest';
import { presetOf } from '../../../src/engine/config/presets.ts';
import { recipeOf } from '../../../src/engine/precision/recipes.ts';
import type { ReferenceModel } from '../../../src/engine/reference/model.ts';
import {
  type StepOptions,
  storageOf,
  type TrainState,
  trainState,
  trainStep,
} from '../../../src/engine/reference/trainStep.ts';
import { described } from '../described.ts';
import { batchOf, initialParameters, readTorchFixture } from './torchFixture.ts';

const fixture = readTorchFixture();
const { config: SMOKE } = presetOf('smoke');
const model: ReferenceModel = { config: fixture.config, recipe: described('fp16') };
const options: StepOptions = { ...fixture.optimizer, learningRate: 1e-3, scaler: { interval: 2 } };
const batch = batchOf(fixture, 0);

const snapshot = ({ parameters, firstMoment, secondMoment }: TrainState) =>
  [parameters, firstMoment, secondMoment].map((tensors) => [...tensors.values()].map((v) => v.slice()));

describe('reference step', () => {
  it('a skipped step moves nothing but the scaler and the counter', () => {
    const state = trainState(model, initialParameters(fixture), 2 ** 10);
    trainStep(model, state, [batch], options);
    const before = snapshot(state);
    state.scaler = { scale: 2 ** 30, growthTracker: 1 };
    const result = trainStep(model, state, [batch], options);
    expect(result.skipped).toBe(true);
    expect(Number.isFinite(result.loss)).toBe(true);
    expect(snapshot(state)).toEqual(before);
    expect([state.applied, state.skipped]).toEqual([1, 1]);
    expect(state.scaler).toEqual({ scale: 2 ** 29, growthTracker: 0 });
  });

  it('the loss it reports does not depend on the scale, and the update hardly does', () => {
    const run = (scale: number) => {
      const state = trainState(model, initialParameters(fixture), scale);
      return {
        ...trainStep(model, state, [batch], options),
        weight: state.parameters.get('h.0.attn.c_attn.weight')!,
      };
    };
    const [a, b] = [run(2 ** 8), run(2 ** 12)];
    expect(a.loss).toBe(b.loss);
    expect(Math.abs(a.gradNorm / b.gradNorm - 1)).toBeLessThan(1e-4);
    expect(Math.max(...a.weight.map((x, i) => Math.abs(x - b.weight[i]!)))).toBeLessThan(1e-3);
  });

  it('halves a scale that is too large until it fits, then learns, and grows again', () => {
    const state = trainState(model, initialParameters(fixture), 2 ** 30);
    const results = Array.from({ length: 24 }, () => trainStep(model, state, [batch], options));
    const first = results.findIndex((result) => !result.skipped);
    expect(first).toBeGreaterThan(0);
    expect(results.slice(0, first).every((result) => result.skipped)).toBe(true);
    expect(results.at(-1)!.loss).toBeLessThan(results[first]!.loss);
    expect(state.skipped + state.applied).toBe(24);
  });

  it.each([
    ['bf16-sr', 'f32'],
    ['bf16-sr', 'bf16'],
    ['bf16-split', 'fp8'],
    ['fp16', 'fp8-lm'],
  ] as const)('%s with %s moments learns, replays, and skips without moving', (mode, optimState) => {
    const recipe = described(mode);
    const storage = storageOf(fixture.config, recipeOf(mode), { ...SMOKE, optimState, seed: 5 });
    const stable = { ...options, storage, clipUpdate: true };
    const run = () => {
      const state = trainState({ ...model, recipe }, initialParameters(fixture), 2 ** 10);
      const losses = Array.from(
        { length: 4 },
        () => trainStep({ ...model, recipe }, state, [batch], stable).loss,
      );
      return { state, losses };
    };
    const { state, losses } = run();
    expect(losses[3]).toBeLessThan(losses[0]!);
    expect(run().losses).toEqual(losses);
    const before = [snapshot(state), [...state.masters.values()].map((v) => v.slice())];
    state.scaler = { scale: 2 ** 127, growthTracker: 0 };
    if (mode === 'fp16') expect(trainStep({ ...model, recipe }, state, [batch], stable).skipped).toBe(true);
    expect([snapshot(state), [...state.masters.values()]]).toEqual(before);
  });
});
