/** Measurements of the adapter, and a batch confirmed by a step: figures are finite, and no buffer stays on the device. */
import { expect, test } from 'vitest';
import { driftOf, measureLongRun } from '../../src/engine/bench/longRun.ts';
import { measureOfPeak } from '../../src/engine/bench/ofPeak.ts';
import { measureInTurns, speedOf } from '../../src/engine/bench/turns.ts';
import { EngineError } from '../../src/engine/core/errors.ts';
import { PipelineCache } from '../../src/engine/gpu/pipelines.ts';
import { roughFlops } from '../../src/engine/gpu/roofline.ts';
import {
  benchmark,
  confirmBatch,
  createDataset,
  measureStep,
  memoryPlan,
  presetOf,
  reportOf,
} from '../../src/engine/index.ts';
import { chooseKernels } from '../../src/engine/kernels/kernelChoice.ts';
import { withDevice } from './device.ts';
import { TINY, TINY_VOCABULARY } from './training/helper.ts';

test('the benchmark reports every kind of figure, and frees its buffers', () =>
  withDevice(async (device, { adapter, buffers }) => {
    const report = reportOf(adapter, device);
    const result = await benchmark(device, report);
    for (const key of ['peakFlops', 'f32MatmulFlops', 'f16MatmulFlops', 'copyBytesPerSec'] as const) {
      expect(Number.isFinite(result[key]), key).toBe(true);
      expect(result[key], key).toBeGreaterThan(0);
    }
    // A wrong unit (a factor of 1000) would be outside the range of any machine.
    expect(result.peakFlops).toBeGreaterThan(1e7);
    expect(result.peakFlops).toBeLessThan(1e15);
    expect(result.copyBytesPerSec).toBeGreaterThan(1e7);
    expect(result.copyBytesPerSec).toBeLessThan(1e14);
    expect(result.half).toBe(report.half);
    expect(await roughFlops(device, new PipelineCache(device), report)).toBeGreaterThan(0);
    expect([...buffers].map(({ label }) => label)).toEqual([]);
  }));

test('a matmul is compared with the peak in pairs, and frees its buffers', () =>
  withDevice(async (device, { adapter, buffers }) => {
    const report = reportOf(adapter, device);
    const pipelines = new PipelineCache(device);
    const kernels = await chooseKernels(device, pipelines, report);
    const square = { format: 'f32', size: 64 } as const;
    const squares = [square, { ...square, bTransposed: true }];
    const measured = await measureOfPeak(device, pipelines, report, kernels, squares);
    expect(measured).toHaveLength(2);
    for (const { flops, ofPeak, quartiles } of measured) {
      expect(flops).toBeGreaterThan(1e6);
      expect(flops).toBeLessThan(1e15);
      expect(ofPeak).toBeGreaterThan(0);
      expect(quartiles[0]!).toBeLessThanOrEqual(ofPeak!);
      expect(quartiles[1] ?? Number.POSITIVE_INFINITY).toBeGreaterThanOrEqual(ofPeak!);
    }
    expect([...buffers].map(({ label }) => label)).toEqual([]);
  }));

test('a batch is confirmed by a step that allocates the planned memory', () =>
  withDevice(async (device, { adapter, buffers }) => {
    const tried: number[] = [];
    const config = { ...TINY, batch: 6, accumulation: 4 };
    const confirmed = await confirmBatch(device, reportOf(adapter, device), config, TINY_VOCABULARY, {
      onTry: (batch) => tried.push(batch),
    });
    expect(confirmed).toEqual({
      batch: 6,
      bytes: memoryPlan(config, TINY_VOCABULARY).bytes.total,
      refused: null,
    });
    expect(tried).toEqual([6]);
    expect([...buffers].map(({ label }) => label)).toEqual([]);
  }));

test('a step is timed on the planned memory, not before an abort, and no buffer stays', () =>
  withDevice(async (device, { adapter, buffers }) => {
    const report = reportOf(adapter, device);
    const measured = await measureStep(device, report, TINY, TINY_VOCABULARY);
    expect(measured.bytes).toBe(memoryPlan(TINY, TINY_VOCABULARY).bytes.total);
    expect(measured.steps).toBeGreaterThanOrEqual(2);
    expect(measured.msPerStep).toBeGreaterThan(0);
    const tokens = TINY.batch * TINY.context;
    expect(measured.tokensPerSec).toBeCloseTo((1000 * tokens) / measured.msPerStep, 6);
    expect([...buffers].map(({ label }) => label)).toEqual([]);
    const reason = new Error('cancelled');
    await expect(measureStep(device, report, TINY, TINY_VOCABULARY, AbortSignal.abort(reason))).rejects.toBe(
      reason,
    );
    expect([...buffers].map(({ label }) => label)).toEqual([]);
  }));

test('two runs train in turns, one that skips every step is refused, and no buffer stays', () =>
  withDevice(async (device, { adapter, buffers }) => {
    const report = reportOf(adapter, device);
    const text = 'the quick brown fox jumps over the lazy dog. '.repeat(60);
    const dataset = createDataset(text, { name: 'fox', tokenizer: 'char', context: TINY.context });
    const fp16 = { ...TINY, precision: 'fp16' } as const;
    const speed = await measureInTurns(device, report, [TINY, fp16], [dataset, dataset], 20);
    expect(speed).toMatchObject(speedOf(speed.pairs));
    const [low, high] = speed.interval;
    expect(speed.faster).toBeGreaterThanOrEqual(low);
    expect(speed.faster).toBeLessThanOrEqual(high);
    const failing = { ...fp16, precision: 'fp16-static', lossScale: 2 ** 24 } as const;
    await expect(measureInTurns(device, report, [TINY, failing], [dataset, dataset])).rejects.toMatchObject({
      code: 'TOO_MANY_SKIPS',
    });
    expect([...buffers].map(({ label }) => label)).toEqual([]);
  }));

test('where the GPU refuses the memory, the batch is halved, and the first refusal is reported', () =>
  withDevice(async (device, { adapter, buffers }) => {
    // Refuses the largest activation of 8 sequences (64 KiB), but not that of 4.
    const createBuffer = device.createBuffer.bind(device);
    const popErrorScope = device.popErrorScope.bind(device);
    let refused = false;
    device.createBuffer = (descriptor) => {
      if (descriptor.label === 'h.0.mlp.c_fc' && descriptor.size > 40_000) refused = true;
      return createBuffer(descriptor);
    };
    device.popErrorScope = async () => {
      const error = await popErrorScope();
      if (!refused) return error;
      refused = false;
      return { message: 'no memory' } as GPUError;
    };
    const tried: number[] = [];
    const { batch } = TINY;
    const confirmed = await confirmBatch(device, reportOf(adapter, device), TINY, TINY_VOCABULARY, {
      onTry: (one) => tried.push(one),
    });
    expect(tried).toEqual([batch, batch / 2]);
    expect(confirmed).toMatchObject({
      batch: batch / 2,
      refused: { message: expect.stringContaining('The GPU could not allocate') },
    });
    expect([...buffers].map(({ label }) => label)).toEqual([]);
  }));

test('an error other than a lack of memory is not retried with a smaller batch', () =>
  withDevice(async (device, { adapter }) => {
    const tried: number[] = [];
    const config = { ...TINY, heads: 3 };
    await expect(
      confirmBatch(device, reportOf(adapter, device), config, TINY_VOCABULARY, {
        onTry: (batch) => tried.push(batch),
      }),
    ).rejects.toThrow(EngineError);
    expect(tried).toEqual([TINY.batch]);
  }));

test('a long run is timed in blocks with flat memory, its loss falls, and nothing is left on the device', () =>
  withDevice(async (device, { adapter, buffers }) => {
    const config = { ...presetOf('smoke').config, layers: 1, context: 32, batch: 2 };
    const text = 'the quick brown fox jumps over the lazy dog. '.repeat(60);
    const dataset = createDataset(text, { name: 'fox', tokenizer: 'char', context: config.context });
    const seen: number[] = [];
    const blocks = await measureLongRun(device, reportOf(adapter, device), config, dataset, 50, ({ step }) =>
      seen.push(step),
    );
    expect(seen).toEqual(blocks.map(({ step }) => step));
    expect(blocks.length).toBe(10);
    expect(blocks.at(-1)!.step - blocks[0]!.step).toBe(45);
    for (const { msPerStep, controlMs, live } of blocks) {
      expect(msPerStep).toBeGreaterThan(0);
      expect(controlMs).toBeGreaterThan(0);
      expect(live).toEqual(blocks[0]!.live);
    }
    expect(blocks.at(-1)!.loss).toBeLessThan(blocks[0]!.loss!);
    expect(Number.isFinite(driftOf(blocks).slope)).toBe(true);
    expect([...buffers].map(({ label }) => label)).toEqual([]);
  }));

test('the benchmark and a confirmation end when they are cancelled, and free their buffers', () =>
  withDevice(async (device, { adapter, buffers }) => {
    const report = reportOf(adapter, device);
    const early = new AbortController();
    // Cancelled in the middle of a measurement, as a visitor would.
    const submit = device.queue.submit.bind(device.queue);
    let submissions = 0;
    device.queue.submit = (commands) => {
      submissions += 1;
      early.abort();
      submit(commands);
    };
    await expect(benchmark(device, report, early.signal)).rejects.toMatchObject({ name: 'AbortError' });
    expect(submissions).toBeGreaterThan(0);

    const late = new AbortController();
    const confirmed = confirmBatch(device, report, TINY, TINY_VOCABULARY, {
      onTry: () => late.abort(), // while its run is being prepared
      signal: late.signal,
    });
    await expect(confirmed).rejects.toMatchObject({ name: 'AbortError' });
    expect([...buffers].map(({ label }) => label)).toEqual([]);
  }));
