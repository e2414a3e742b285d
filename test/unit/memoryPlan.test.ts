import { describe, expect, it } from 'vitest';
import { PRESETS, presetOf } from '../../src/engine/config/presets.ts';
import type { TrainConfig } from '../../src/engine/config/trainConfig.ts';
import { RECOMPUTE_LEVELS, type RecomputeLevel } from '../../src/engine/config/trainConfig.ts';
import { mebibytes } from '../../src/engine/core/mebibytes.ts';
import { byteLength, formatOf } from '../../src/engine/gpu/tensor.ts';
import { memoryPlan } from '../../src/engine/model/memoryPlan.ts';
import { stateEntries, stateTensors } from '../../src/engine/model/runState.ts';
import { DEFAULT_LIMITS } from '../../src/engine/model/tensors.ts';
import type { QuantizedActivations } from '../../src/engine/precision/quantization.ts';
import {
  groupsActivations,
  PRECISION_MODES,
  type PrecisionMode,
} from '../../src/engine/precision/recipes.ts';
import { thrownBy } from './thrownBy.ts';

const smoke = presetOf('smoke').config;
/** nanoGPT's CPU configuration. */
const nanoGptCpu: TrainConfig = { ...smoke, layers: 4, heads: 4, width: 128, context: 64, batch: 12 };
const MIB = 2 ** 20;

describe('bytes', () => {
  it.each(PRECISION_MODES)('%s: categories add up to the total, and to the tensors', (precision) => {
    const { bytes, tensors } = memoryPlan({ ...smoke, precision }, 80);
    const { total, ...categories } = bytes;
    expect(Object.values(categories).reduce((a, b) => a + b)).toBe(total);
    expect(tensors.planned.reduce((sum, { tensor }) => sum + byteLength(tensor), 0)).toBe(total);
    const names = tensors.planned.map(({ tensor }) => tensor.name);
    expect(new Set(names).size).toBe(names.length);
  });

  it.each([
    ...Object.values(PRESETS).map(({ name, config }) => [name, config] as const),
    ["nanoGPT's CPU shape", nanoGptCpu] as const,
  ])('%s: activations of fp16 take at most 0.62 of those of fp32', (_name, config) => {
    for (const vocabulary of [65, 256]) {
      const of = (precision: PrecisionMode) => {
        const { bytes } = memoryPlan({ ...config, precision }, vocabulary);
        return bytes.activations + bytes.activationGradients;
      };
      const share = of('fp16') / of('fp32');
      expect(share).toBeGreaterThan(0.5); // the residual stream stays in f32
      expect(share).toBeLessThanOrEqual(0.62);
      expect(of('bf16')).toBe(of('fp16'));
      expect(of('tf32')).toBeGreaterThanOrEqual(of('fp32'));
    }
  });

  it('weights, gradients and moments are counted in the formats of the recipe', () => {
    const of = (precision: PrecisionMode) => memoryPlan({ ...smoke, precision }, 80).bytes;
    const { masterWeights: parameters } = of('fp32');
    expect(of('fp32')).toMatchObject({ computeWeights: 0, gradients: parameters, optimizer: 2 * parameters });
    expect(of('fp16')).toMatchObject({ masterWeights: parameters, computeWeights: parameters / 2 });
    expect(of('fp16-pure')).toMatchObject({
      masterWeights: parameters / 2,
      computeWeights: 0,
      gradients: parameters / 2,
      optimizer: parameters,
    });
  });
});

it.each(PRECISION_MODES)(
  '%s: a run that is saved has one copy of its state more, and no other byte',
  (precision) => {
    const config = { ...smoke, precision };
    const { bytes } = memoryPlan(config, 80);
    const { tensors, bytes: saved } = memoryPlan(config, 80, { ...DEFAULT_LIMITS, saved: true });
    const snapshot = stateTensors(stateEntries(tensors)).reduce((sum, tensor) => sum + byteLength(tensor), 0);
    expect(snapshot).toBeGreaterThanOrEqual(bytes.masterWeights + bytes.optimizer);
    expect(saved).toEqual({ ...bytes, snapshot, total: bytes.total + snapshot });
  },
);

it.each(['fp32', 'fp16-pure', 'bf16-split'] as const)(
  '%s: averaged weights take 4 bytes per parameter, and their evaluation none',
  (precision) => {
    const { bytes, tensors } = memoryPlan({ ...smoke, precision }, 80);
    const elements = tensors.chunks.reduce((sum, chunk) => sum + chunk.elements, 0);
    const { bytes: averaged } = memoryPlan({ ...smoke, precision, emaDecay: 0.999 }, 80);
    const added = 4 * elements;
    expect(averaged).toEqual({
      ...bytes,
      optimizer: bytes.optimizer + added,
      total: bytes.total + added,
    });
  },
);

it.each([
  ['fp32', 4],
  ['fp16-pure', 2],
  ['bf16-split', 4],
] as const)(
  '%s: the best weights take %i bytes per parameter, as the masters do, and early stop alone takes none',
  (precision, each) => {
    const { bytes, tensors } = memoryPlan({ ...smoke, precision }, 80);
    const elements = tensors.chunks.reduce((sum, chunk) => sum + chunk.elements, 0);
    const { bytes: kept } = memoryPlan({ ...smoke, precision, keepBest: true }, 80);
    const [added, words] = [each * elements, 32];
    expect(kept).toEqual({
      ...bytes,
      masterWeights: bytes.masterWeights + added,
      state: bytes.state + words,
      total: bytes.total + added + words,
    });
    const { bytes: stops } = memoryPlan({ ...smoke, precision, earlyStop: 3 }, 80);
    expect(stops).toEqual({ ...bytes, state: bytes.state + words, total: bytes.total + words });
  },
);

it('dropout adds a table of windows and scratch of the size of the stream', () => {
  const { bytes, tensors } = memoryPlan(smoke, 80);
  const { bytes: dropping } = memoryPlan({ ...smoke, dropout: 0.1 }, 80);
  const { batch, context, width } = smoke;
  expect(dropping.batch - bytes.batch).toBe(4 * batch * (3 + context));
  expect(dropping.activationGradients - bytes.activationGradients).toBe(4 * batch * context * width);
  expect(tensors.windowTable).toBeNull();
});

describe('optimizer states', () => {
  it.each([
    ['f32', 'adamw', 8, 8],
    ['bf16', 'adamw', 4, 4],
    ['fp8', 'adamw', 2.125, 2.125],
    ['fp8-lm', 'adamw', 3, 3.1],
    ['fp8', 'stable-adamw', 2.125, 2.2],
    ['f32', 'lion', 4, 4],
    ['bf16', 'lion', 2, 2],
    ['f32', 'muon', 4, 5],
    ['bf16', 'muon', 2, 2.5],
  ] as const)('%s with %s: from %d to %d bytes a parameter', (optimState, optimizer, least, most) => {
    const { bytes } = memoryPlan({ ...smoke, precision: 'fp32', optimState, optimizer }, 80);
    const perParameter = (4 * bytes.optimizer) / bytes.masterWeights;
    expect(perParameter).toBeGreaterThanOrEqual(least);
    expect(perParameter).toBeLessThanOrEqual(most);
  });

  it('a split master takes four bytes a parameter, and a stochastically rounded one two', () => {
    const of = (precision: PrecisionMode) => memoryPlan({ ...smoke, precision }, 80).bytes;
    const { masterWeights } = of('bf16');
    expect(of('bf16-split')).toMatchObject({ masterWeights, computeWeights: 0 });
    expect(of('bf16-sr')).toMatchObject({ masterWeights: masterWeights / 2, computeWeights: 0 });
  });
});

describe.each(['fp8', 'fp8-delayed'] as const)('%s', (precision) => {
  it('holds the weights of the blocks in one byte each, those of the LM head in two, and no others', () => {
    const { tensors, bytes } = memoryPlan({ ...smoke, precision }, 80);
    const { layers, width } = smoke;
    const blocks = layers * 12 * width ** 2;
    expect(bytes.computeWeights).toBe(blocks + 2 * 128 * width);
    for (const { name, weight } of tensors.computeWeights) {
      expect(formatOf(weight)).toBe(name === 'wte.weight' ? 'bf16' : 'e4m3fn');
      expect(weight.scale === undefined).toBe(name === 'wte.weight');
    }
    const scales = tensors.computeWeights.flatMap(({ weight }) => weight.scale?.record ?? []);
    expect(new Set(scales).size).toBe(4 * layers);
  });

  it.each([true, false])('with its LM head in FP8, tied %s, holds that in one byte each too', (tied) => {
    const of = (quantizeHead: boolean) => memoryPlan({ ...smoke, precision, tied, quantizeHead }, 80);
    const [without, { tensors, bytes }] = [of(false), of(true)];
    const [head, rows] = [128 * smoke.width, smoke.batch * smoke.context];
    const { bytes: before } = without;
    expect(before.computeWeights - bytes.computeWeights).toBe(head);
    expect(bytes.masterWeights).toBe(before.masterWeights);
    expect(before.activations - bytes.activations).toBe(rows * smoke.width);
    expect(bytes.logits - before.logits).toBe(tensors.headRows * 128);
    const name = tensors.decoder.head.weight.name;
    expect(tensors.computeWeights.filter(({ weight }) => formatOf(weight) !== 'e4m3fn')).toEqual([]);
    expect(tensors.parameters.get(name)!.parts[0]!.master.tensor.type).toBe('f32');
    // Scales of ln_f, of dlogits and of the matrix.
    expect(tensors.scales!.names.length - without.tensors.scales!.names.length).toBe(3);
  });
});

describe('recompute', () => {
  const shape: TrainConfig = { ...smoke, layers: 3, heads: 4, width: 64, context: 32, batch: 4 };
  const plan = (
    precision: PrecisionMode,
    recompute: RecomputeLevel,
    { layers, quantizeActivations, mlp }: Partial<TrainConfig> = {},
  ) =>
    memoryPlan(
      {
        ...{ ...shape, precision, recompute, layers: layers ?? shape.layers },
        ...{ quantizeActivations: quantizeActivations ?? 'tensor', mlp: mlp ?? shape.mlp },
      },
      80,
    );
  const statistics = /\.(stats|lse)$/;
  /** Bytes of activations, statistics excluded, that one more block adds for each token. */
  const perTokenAndLayer = (
    precision: PrecisionMode,
    recompute: RecomputeLevel,
    quantizeActivations: QuantizedActivations = 'tensor',
    mlp: TrainConfig['mlp'] = 'gelu',
  ): number => {
    const [less, more] = [3, 4].map((layers) =>
      plan(precision, recompute, { layers, quantizeActivations, mlp })
        .tensors.planned.filter(({ tensor, category }) => {
          return category === 'activations' && !statistics.test(tensor.name);
        })
        .reduce((sum, { tensor }) => sum + byteLength(tensor), 0),
    );
    return (more! - less!) / (shape.batch * shape.context);
  };
  const C = shape.width;

  it.each([
    ['fp32', 'none', 64 * C],
    ['fp32', 'gelu', 48 * C],
    ['fp32', 'gelu-ln', 40 * C],
    ['fp32', 'block', 4 * C],
    ['fp16', 'none', 36 * C],
    ['fp16', 'gelu', 28 * C],
    ['fp16', 'gelu-ln', 24 * C],
    ['fp16', 'block', 4 * C],
    ['bf16', 'gelu-ln', 24 * C],
    ['fp8', 'none', 26 * C],
    ['fp8', 'gelu-ln', 20 * C],
    ['fp8-delayed', 'gelu-ln', 20 * C],
    ['fp8', 'block', 4 * C],
    ['int8', 'none', 36 * C],
    ['int8-q', 'gelu', 28 * C],
    // One byte instead of two of what the norms and GELU leave, with a scale of four bytes for each row.
    ['int8-m', 'none', 30 * C + 12],
    ['int8-m', 'gelu', 26 * C + 8],
    ['int8-m', 'gelu-ln', 24 * C],
    ['int8-m', 'block', 4 * C],
  ] as const)('%s at %s keeps %i bytes of a token in a block', (precision, recompute, bytes) => {
    expect(perTokenAndLayer(precision, recompute)).toBe(bytes);
  });

  // Gate, up and their product in the place of 4 C pre-activations and 4 C activations.
  const I = 192;

  it.each([
    ['fp32', 'none', 32 * C + 12 * I],
    ['fp32', 'gelu', 32 * C + 8 * I],
    ['fp32', 'gelu-ln', 24 * C + 8 * I],
    ['fp16', 'none', 20 * C + 6 * I],
    ['fp16', 'gelu', 20 * C + 4 * I],
    ['fp8', 'block', 4 * C],
  ] as const)('%s at %s keeps %i bytes of a token in a block with SwiGLU', (precision, recompute, bytes) => {
    expect(perTokenAndLayer(precision, recompute, 'tensor', 'swiglu')).toBe(bytes);
  });

  // Layer norm's two inputs and GELU's: C, C and 4C codes with a byte of scale for 16 of them. Two residual streams of 4C
  // less are kept: 26, 22 and 20 C are 8 less, then 2 and 6/16 more. A whole block is recomputed from the stream itself.
  it.each([
    ['none', 20 + 6 / 16],
    ['gelu', 16 + 6 / 16],
    ['gelu-ln', 14 + 6 / 16],
    ['block', 4],
  ] as const)('fp8 with 1x16 groups at %s keeps %d times the width', (recompute, times) => {
    expect(perTokenAndLayer('fp8', recompute, '1x16')).toBe(times * C);
    expect(perTokenAndLayer('fp8-delayed', recompute, '1x16')).toBe(times * C);
  });

  it.each(PRECISION_MODES)(
    '%s: every level takes less than the one before it, and only activations',
    (mode) => {
      const quantizeActivations = groupsActivations(mode) ? '1x16' : 'tensor';
      const plans = RECOMPUTE_LEVELS.map((level) => plan(mode, level, { quantizeActivations }).bytes);
      for (const [i, { activations, total, ...others }] of plans.entries()) {
        const { activations: kept, total: all, ...rest } = plans[0]!;
        expect(others).toEqual(rest);
        expect(all - total).toBe(kept - activations);
        if (i > 0) expect(activations).toBeLessThan(plans[i - 1]!.activations);
      }
    },
  );
});

describe('a plan that does not fit', () => {
  const plan = (batch: number, maxBindingBytes: number, overrides: Partial<TrainConfig> = {}) =>
    memoryPlan({ ...nanoGptCpu, ...overrides, batch }, 65, { maxBindingBytes });

  it.each([
    ['fp32', 4096, 16 * MIB],
    ['fp16', 4096, 16 * MIB],
    ['fp16-pure', 700, 2 * MIB],
    ['bf16', 9999, DEFAULT_LIMITS.maxBindingBytes],
  ] as const)(
    '%s, batch %i: names the tensor, both sizes and the largest micro-batch that fits',
    (precision, batch, limit) => {
      const error = thrownBy(() => plan(batch, limit, { precision }));
      expect(error.code).toBe('LIMIT_EXCEEDED');
      const [, name, needed] = /^(.+) needs ([\d.]+ MiB) in one buffer; this adapter allows/.exec(
        error.message,
      )!;
      expect(error.message).toContain(`allows ${mebibytes(limit)}.`);
      const largest = memoryPlan({ ...nanoGptCpu, precision, batch }, 65, { maxBindingBytes: 2 ** 40 });
      const tensor = largest.tensors.planned.find((planned) => planned.tensor.name === name)!.tensor;
      expect(mebibytes(byteLength(tensor))).toBe(needed);
      expect(byteLength(tensor)).toBeGreaterThan(limit);

      const [, microBatch, of, parts] = /Use micro-batch (\d+): the batch of (\d+) .* in (\d+) parts/
        .exec(error.hint)!
        .map(Number);
      expect(of).toBe(batch);
      expect(parts! * microBatch!).toBe(batch);
      const cut = (size: number) => () => plan(batch, limit, { precision, microBatch: size });
      expect(cut(microBatch!)).not.toThrow();
      for (let larger = microBatch! + 1; larger <= batch; larger++) {
        if (batch % larger === 0) expect(cut(larger)).toThrow();
      }
    },
  );

  it('says so when no batch fits', () => {
    for (const batch of [64, 1]) {
      const error = thrownBy(() => plan(batch, 2 * MIB, { context: 4096 }));
      expect(error.hint).toContain('Even a batch of 1 does not fit');
    }
  });

  it.each([
    ['h.0.attn.c_attn.weight needs 12.0 MiB', 'Use a smaller width.', { width: 1024, heads: 16 }, 65],
    ['wpe.weight needs 16.0 MiB', 'Use a shorter context, or a smaller width.', { context: 32_768 }, 65],
    [
      'A slice of wte.weight needs 8.5 MiB',
      'Use a smaller width.',
      { width: 4352, heads: 17, context: 16 },
      65_000,
    ],
  ] as const)('%s in one binding', (needs, hint, overrides, vocabulary) => {
    const config = { ...nanoGptCpu, ...overrides };
    const error = thrownBy(() => memoryPlan(config, vocabulary, { maxBindingBytes: 8 * MIB }));
    expect(error.code).toBe('LIMIT_EXCEEDED');
    expect(error.message).toBe(`${needs} in one binding; this adapter allows 8.0 MiB.`);
    expect(error.hint).toBe(hint);
  });

  it('cuts vocabulary matrices into slices of whole steps', () => {
    for (const tied of [true, false]) {
      const config = { ...presetOf('gpt2-163m').config, tied };
      const { tensors } = memoryPlan(config, 65, DEFAULT_LIMITS);
      for (const name of tied ? ['wte.weight'] : ['wte.weight', 'lm_head.weight']) {
        const { spec, parts } = tensors.parameters.get(name)!;
        expect(parts.map(({ firstRow, rows }) => [firstRow, rows])).toEqual([
          [0, 43_520],
          [43_520, 6784],
        ]);
        for (const { master, rows } of parts) expect(master.elements).toBe(rows * spec.columns);
        expect(new Set(parts.map(({ master }) => master.tensor)).size).toBe(2);
      }
      expect(tensors.vocabularyRows).toBe(43_520);
    }
    const roomy = memoryPlan(presetOf('gpt2-163m').config, 65, { maxBindingBytes: 2 ** 30 }).tensors;
    expect(roomy.parameters.get('wte.weight')!.parts).toHaveLength(1);
    expect(roomy.vocabularyRows).toBe(50_304);
  });

  it('says so when a chunk of logits is too large, whatever the batch', () => {
    const error = thrownBy(() => memoryPlan(nanoGptCpu, 50_000, { maxBindingBytes: 8 * MIB }));
    expect(error.message).toBe('logits needs 12.2 MiB in one buffer; this adapter allows 8.0 MiB.');
    expect(error.hint).toBe('Even a batch of 1 does not fit: use a tokenizer with a smaller vocabulary.');
  });

  it('cuts the LM head and the parameters to what a binding holds', () => {
    const limit = 2 * MIB;
    const { tensors } = plan(12, limit, { layers: 8 });
    expect(tensors.chunks.length).toBeGreaterThan(1);
    for (const { tensor } of tensors.planned) expect(byteLength(tensor)).toBeLessThanOrEqual(limit);
    const small = memoryPlan(nanoGptCpu, 50_000, { maxBindingBytes: 32 * MIB });
    expect(small.tensors.headRows).toBeLessThan(small.tensors.rows / 2);
    expect(byteLength(small.tensors.logits)).toBeLessThanOrEqual(32 * MIB);
  });
});
