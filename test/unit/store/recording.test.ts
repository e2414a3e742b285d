import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { expect, test, vi } from 'vitest';
import { rowText } from '../../../scripts/recorded-frames.mjs';
import { rowCounts } from '../../../src/engine/index.ts';
import { readRecording } from '../../../src/store/recording.ts';
import { logOf, useRun } from '../../../src/store/runStore.ts';

vi.stubGlobal('document', { hidden: false, addEventListener: () => {} });
const { useNumerics } = await import('../../../src/store/numericsStore.ts');
const { Replay } = await import('../../../src/store/story/replay.ts');
const { countOf, framesOf } = await import('../../../src/store/story/recordedFrames.ts');

const text = readFileSync(new URL('../../../public/recorded-run.json', import.meta.url), 'utf8');
const json = JSON.parse(text);
const gradientsOf = (run: number) => useNumerics.getState().frames.get(run)?.gradients;

test('the recording of the page is small, and replayed as runs that are not training', () => {
  expect(text.length).toBeLessThan(120_000);
  const replay = new Replay(readRecording(json));
  expect(useRun.getState()).toMatchObject({ status: 'idle', purpose: 'recording' });
  replay.advance(0.5);
  expect(logOf(0)?.length).toBe(150);
  expect(useRun.getState().runs[1]).toMatchObject({
    summary: null,
    latest: { step: 150 },
    valLoss: { step: 100 },
  });
  expect(gradientsOf(2)!.step).toBe(150);
  replay.advance(1);

  const { status, configs, runs } = useRun.getState();
  expect(status).toBe('idle');
  expect(configs.map(({ precision }) => precision)).toEqual(['fp32', 'fp16', 'fp16-noscale']);
  for (const [index, run] of runs.entries()) {
    expect(logOf(index)?.length).toBe(300);
    expect(logOf(index)?.evals.map(({ step }) => step)).toEqual([100, 200, 300]);
    expect(run.latest?.loss).toBe(json.runs[index].loss[299]);
    expect(run.summary?.adapter).toMatch(/./);
    expect(run.samples.map(({ step }) => step)).toEqual([30, 60, 90, 120, 150, 180, 210, 240, 270, 300]);
    expect(gradientsOf(index)).toMatchObject({ step: 300 });
    // 28 parameter tensors, 5 activation gradients in each block, and two more.
    expect(gradientsOf(index)!.rows).toHaveLength(40);
  }
  // The point of the recording: without loss scaling, f16 learns less.
  const [full, half, unscaled] = runs.map(({ summary }) => summary!.valLoss!);
  expect(Math.abs(half! - full!)).toBeLessThan(0.02);
  expect(unscaled! - full!).toBeGreaterThan(0.3);
});

test('a recording without gradients and samples is still read', () => {
  const { tensors: _, ...old } = structuredClone(json);
  for (const run of old.runs) {
    delete run.numerics;
    delete run.samples;
  }
  new Replay(readRecording(old)).advance(1);
  expect(logOf(2)?.length).toBe(300);
  expect(gradientsOf(2)).toBeUndefined();
});

test('a file that is not a recording is refused', () => {
  expect(() => readRecording({ ...json, runs: [{ ...json.runs[0], loss: 'low' }] })).toThrow();
  expect(() => readRecording({ ...json, preset: 'huge' })).toThrow();
  expect(() => readRecording({ ...json, tensors: json.tensors.slice(1) })).toThrow('tensors');
});

/** Replaces a value by any other, or a number by another number. */
const CHANGES = fc.oneof(
  fc.jsonValue(),
  fc
    .double({ noNaN: true })
    .map((factor) => (value: unknown) => (typeof value === 'number' ? value * factor : value)),
  fc.nat().map((to) => (value: unknown) => (typeof value === 'number' ? to : value)),
  fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, -1, 0.5, 1e300, '', 'A', 'AAAAAA', ',', null, [], {}),
);

test('a damaged recording is refused, or its replay leaves figures that can be shown', () => {
  const paths = pathsOf(json);
  let read = 0;
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(), CHANGES), { minLength: 1, maxLength: 2 }), (changes) => {
      const damaged = structuredClone(json);
      for (const [at, value] of changes) put(damaged, paths[at % paths.length]!, value);
      let recording: ReturnType<typeof readRecording>;
      try {
        recording = readRecording(damaged);
      } catch (cause) {
        expect((cause as Error).name).toBe('ValiError');
        return;
      }
      read += 1;
      new Replay(recording).advance(1);
      const { status, runs } = useRun.getState();
      expect(status).toBe('idle');
      for (const [index, { latest }] of runs.entries()) {
        expect(latest!.lossScale).toBeGreaterThan(0);
        expect(logOf(index)!.length).toBe(latest!.step);
        const frame = gradientsOf(index);
        if (frame) expect(frame.counts.length).toBe(frame.rows.length * 256);
      }
    }),
    { numRuns: 100, seed: 19 },
  );
  expect(read).toBeGreaterThan(10);
});

/** The places of a document: all but the items of long lists of numbers, of which the first few stand for the others. */
function pathsOf(value: unknown): string[][] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, item]) => {
    if (Array.isArray(value) && Number(key) > 3) return [];
    return [[key], ...pathsOf(item).map((path) => [key, ...path])];
  });
}

function put(document: unknown, path: readonly string[], value: unknown): void {
  let at = document as Record<string, unknown>;
  for (const key of path.slice(0, -1)) {
    if (typeof at[key] !== 'object' || at[key] === null) return; // an earlier change replaced what it is in
    at = at[key] as Record<string, unknown>;
  }
  const key = path.at(-1)!;
  at[key] = typeof value === 'function' ? value(at[key]) : value;
}

test('histograms survive being written and read: small counts exactly, large ones within 0.2 %', () => {
  fc.assert(
    fc.property(
      fc.array(fc.nat({ max: 4_000_000 }), { minLength: 1, maxLength: 40 }),
      fc.integer({ min: -126, max: 80 }),
      (counts, lowest) => {
        const rows = rowText({ zeros: 511, nonFinite: 0, lowest, counts });
        const [frame] = framesOf([['logits gradient', 'activationGradient', null]], {
          formats: ['f16'],
          frames: [{ step: 1, scaleLog2: 16, rows }],
        });
        const read = rowCounts(frame!, 0);
        expect(frame!.scale).toBe(2 ** 16);
        expect(read[0]).toBe(511);
        for (const [i, count] of counts.entries()) {
          const error = Math.abs(read[lowest + 127 + i]! - count);
          expect(error).toBeLessThanOrEqual(count < 512 ? 0 : count / 512);
        }
      },
    ),
    { numRuns: 200, seed: 20 },
  );
  expect([0, 255, 256, 511, 512].map(countOf)).toEqual([0, 255, 256, 511, 512]);
});
