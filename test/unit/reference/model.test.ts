import { describe, expect, it } from 'vitest';
import { GPT2_KINDS, type GptConfig, MLP_KINDS, NORM_KINDS } from '../../../src/engine/config/gptConfig.ts';
import { integerAt } from '../../../src/engine/core/rng.ts';
import { parameterSpecs } from '../../../src/engine/model/decoder.ts';
import type { DescribedRole as Role } from '../../../src/engine/precision/description.ts';
import type { FormatId } from '../../../src/engine/precision/formats.ts';
import type { QuantizedRole } from '../../../src/engine/precision/mixedPrecision.ts';
import {
  type Activations,
  type Batch,
  modelForward,
  type Parameters,
  type ReferenceModel,
} from '../../../src/engine/reference/model.ts';
import { modelBackward } from '../../../src/engine/reference/modelBackward.ts';
import { roundTo } from '../../../src/engine/reference/rounding.ts';
import { described } from '../described.ts';
import { dot, expectGradient, normals } from './finiteDifference.ts';

const config: GptConfig = {
  layers: 2,
  heads: 2,
  width: 16,
  context: 8,
  vocabulary: 13,
  tied: true,
  ...GPT2_KINDS,
};
const exact: ReferenceModel = { config, recipe: described('fp32'), exact: true };

/** Random everywhere, biases and gains too; padded vocabulary rows hold garbage that must not matter. */
function randomParameters(of: GptConfig): Parameters {
  return new Map(
    parameterSpecs(of).map((spec, i) => {
      const mean = spec.init.kind === 'constant' ? spec.init.value : 0;
      return [spec.name, normals(spec.rows * spec.columns, 100 + i, 0.15, mean)];
    }),
  );
}

function randomBatch(seed: number, { vocabulary, context }: GptConfig = config, B = 2): Batch {
  const draw = (at: number) =>
    Array.from({ length: B * context }, (_, i) => integerAt(i, seed + at, vocabulary));
  const windows = Array.from({ length: B }, (_, index) => ({ seed, index }));
  return { tokens: draw(0), targets: draw(1), B, T: context, windows };
}

function gradientsOf(model: ReferenceModel, parameters: Parameters, batch: Batch, lossScale = 1): Parameters {
  return modelBackward(model, parameters, batch, modelForward(model, parameters, batch), { lossScale });
}

const flat = (parameters: Parameters) => Float64Array.from([...parameters.values()].flatMap((v) => [...v]));

const MODELS: (Partial<GptConfig> & Pick<ReferenceModel, 'dropout'>)[] = [
  { tied: true },
  { dropout: 0.3 },
  { tied: false },
  ...NORM_KINDS.map((norm) => ({ norm })),
  ...MLP_KINDS.map((mlp) => ({ mlp })),
  { position: 'rope' },
  { position: 'rope', heads: 4, keyValueHeads: 2, headSize: 8, biases: 'none', norm: 'rmsnorm' },
  { position: 'rope', ropeScaling: 'llama3:8:1:4:8', heads: 4, headSize: 8, keyValueHeads: 1, qkNorm: true },
  { qkNorm: true, biases: 'qkv', attentionSoftCap: 0.5 },
  { intermediate: 20 },
  { mlp: 'swiglu', intermediate: 12, norm: 'rmsnorm', normEpsilon: 1e-2, biases: 'none' },
  { biases: 'qkv' },
  { logitSoftCap: 2 },
  { layerScale: 0.3 },
];

describe.each(MODELS)('exact gradients, %o', ({ dropout = 0, ...kind }) => {
  const model = { ...exact, dropout, config: { ...config, ...kind } };
  const parameters = randomParameters(model.config);
  const batch = randomBatch(1);
  const gradients = gradientsOf(model, parameters, batch);
  const loss = () => modelForward(model, parameters, batch).loss;
  // Differences so narrow that none reaches across the bend of ReLU^2, whose derivative has a corner at zero.
  const narrow = kind.mlp === 'relu2' ? { h: 5e-6 } : {};

  it.each([...parameters.keys()])('%s', (name) => {
    const values = parameters.get(name)!;
    const rows = name === 'wte.weight' || name === 'lm_head.weight' ? config.vocabulary : null;
    const count = rows ? rows * config.width : values.length;
    const indices = new Set(Array.from({ length: 8 }, (_, i) => integerAt(i, 5, count)));
    if (rows) indices.add(count).add(values.length - 1); // padding: no gradient, no effect
    if (name.endsWith('c_attn.bias'))
      indices
        .add(0)
        .add(config.width)
        .add(2 * config.width);
    expectGradient(name, loss, values, gradients.get(name)!, { indices, ...narrow });
  });

  it('along random directions through all parameters at once', () => {
    for (let seed = 1; seed <= 3; seed++) {
      const directions = new Map(
        [...parameters].map(([name, v], i) => [name, normals(v.length, 1000 * seed + i)]),
      );
      const step = new Float64Array(1);
      const along = () => {
        const moved: Parameters = new Map(
          [...parameters].map(([name, v]) => [
            name,
            v.map((x, i) => x + step[0]! * directions.get(name)![i]!),
          ]),
        );
        return modelForward(model, moved, batch).loss;
      };
      expectGradient('direction', along, step, [dot(flat(gradients), flat(directions))], {
        h: 1e-4,
        ...narrow,
      });
    }
  });
});

it('the z-loss adds z (log Z)^2 to what the gradients are of, and nothing to the loss', () => {
  const model = { ...exact, config: { ...config, logitSoftCap: 2 } };
  const parameters = randomParameters(model.config);
  const batch = randomBatch(1);
  const zLoss = 0.05;
  const saved = modelForward(model, parameters, batch);
  const gradients = modelBackward(model, parameters, batch, saved, { zLoss });
  const optimised = () => {
    const { loss, lse } = modelForward(model, parameters, batch);
    return loss + (zLoss * lse.reduce((sum, logZ) => sum + logZ ** 2, 0)) / lse.length;
  };
  for (const name of ['wte.weight', 'ln_f.weight', 'h.0.mlp.c_fc.weight']) {
    const indices = new Set(Array.from({ length: 4 }, (_, i) => integerAt(i, 5, config.width)));
    expectGradient(name, optimised, parameters.get(name)!, gradients.get(name)!, { indices });
  }
});

describe('accumulation and loss scale', () => {
  const parameters = randomParameters(config);
  const [first, second] = [randomBatch(1), randomBatch(7)];

  it('two micro-batches give the gradient of one batch of both', () => {
    const both: Batch = {
      tokens: [...Array.from(first.tokens), ...Array.from(second.tokens)],
      targets: [...Array.from(first.targets), ...Array.from(second.targets)],
      B: 4,
      T: config.context,
    };
    let sum: Parameters = new Map();
    for (const batch of [first, second]) {
      const saved = modelForward(exact, parameters, batch);
      sum = modelBackward(exact, parameters, batch, saved, { accumulation: 2, into: sum });
    }
    const whole = gradientsOf(exact, parameters, both);
    const [a, b] = [flat(sum), flat(whole)];
    expect(Math.max(...a.map((x, i) => Math.abs(x - b[i]!)))).toBeLessThan(1e-14);
  });

  it('a power of two commutes with every rounding while nothing is subnormal: bit-identical gradients', () => {
    for (const [recipe, low, high] of [
      [described('fp32'), 1, 2 ** 16],
      [described('tf32'), 1, 2 ** 16],
      [described('bf16'), 1, 2 ** 16],
    ] as const) {
      const model = { config, recipe };
      const a = flat(gradientsOf(model, parameters, first, low)).map((x) => x / low);
      const b = flat(gradientsOf(model, parameters, first, high)).map((x) => x / high);
      expect(b).toEqual(a);
    }
  });

  it('f16 gradients underflow without a scale and overflow with one too large', () => {
    const model = { config, recipe: described('fp16-noscale') };
    const tiny = 2 ** -14;
    const lost = flat(gradientsOf(model, parameters, first, tiny)).filter((x) => x === 0).length;
    const kept = flat(gradientsOf(model, parameters, first, 2 ** 8)).filter((x) => x === 0).length;
    expect(lost).toBeGreaterThan(kept);
    const overflowed = flat(gradientsOf({ config, recipe: described('fp16') }, parameters, first, 2 ** 24));
    expect(overflowed.every(Number.isFinite)).toBe(false);
  });
});

describe('rounding at the storage points', () => {
  const parameters = randomParameters(config);
  const batch = randomBatch(1);
  const all32 = described('fp32').roles;
  const rounded = (values: Float64Array, format: FormatId) => values.every((x) => roundTo(format, x) === x);

  it('every saved tensor is a value of its role, and mean, rstd, lse and logits are not rounded', () => {
    const model = { config, recipe: described('fp16') };
    const saved = modelForward(model, parameters, batch);
    for (const layer of saved.layers) {
      for (const values of [layer.ln1.out, layer.qkv, layer.o, layer.ln2.out, layer.pre, layer.act]) {
        expect(rounded(values, 'f16')).toBe(true);
      }
      for (const values of [layer.x0, layer.x1]) {
        expect(rounded(values, 'f32')).toBe(true);
        expect(rounded(values, 'f16')).toBe(false);
      }
      for (const values of [...layer.ln1.stats, layer.lse]) {
        expect(rounded(values, 'f32')).toBe(false);
      }
    }
    expect(rounded(saved.lnf.out, 'f16')).toBe(true);
    expect(rounded(saved.logits, 'f32')).toBe(false);
  });

  it('stores exactly what the GPU stores, in its order', () => {
    const oneLayer = { ...config, layers: 1 };
    const [N, C, V] = [batch.B * batch.T, config.width, config.vocabulary];
    const stores: string[] = [];
    const onStore = (role: Role | QuantizedRole, { length }: Float64Array) => {
      if (role !== 'weight' && role !== 'gradient') stores.push(`${role} ${length / N}`);
    };
    const model = { config: oneLayer, recipe: described('fp32'), onStore };
    const parameters = randomParameters(oneLayer);
    const saved = modelForward(model, parameters, batch);
    expect(stores.splice(0)).toEqual([
      `residual ${C}`, // x0
      `activation ${C}`, // ln1
      `attention ${3 * C}`, // qkv
      `attention ${C}`, // o
      `residual ${C}`, // x1
      `activation ${C}`, // ln2
      `preActivation ${4 * C}`,
      `activation ${4 * C}`, // act
      `residual ${C}`, // x2
      `activation ${C}`, // lnf
    ]);
    modelBackward(model, parameters, batch, saved);
    expect(stores).toEqual([
      `outputGradient ${V}`, // dlogits
      `residualGradient ${C}`, // through ln_f
      `outputGradient ${C}`, // operand of the MLP's projection
      `outputGradient ${4 * C}`, // dpre
      `residualGradient ${C}`, // through ln_2
      `outputGradient ${C}`, // operand of the attention's projection
      `attention ${C}`, // do
      `attention ${3 * C}`, // dqkv
      `residualGradient ${C}`, // through ln_1
    ]);
  });

  /** Which roles change the forward pass, and which only gradients. */
  const forwardRoles: Role[] = ['activation', 'weight', 'residual', 'attention', 'preActivation'];
  const backwardRoles: Role[] = ['outputGradient', 'residualGradient', 'gradient'];
  const reference = modelForward(exact, parameters, batch);
  const referenceGradients = gradientsOf(exact, parameters, batch);

  it.each([...forwardRoles, ...backwardRoles])('role %s in bf16 acts where it should', (role) => {
    const model = { config, recipe: { roles: { ...all32, [role]: 'bf16' as const } }, exact: true };
    const saved: Activations = modelForward(model, parameters, batch);
    expect(saved.loss !== reference.loss).toBe(forwardRoles.includes(role));
    const gradients = modelBackward(model, parameters, batch, saved);
    const names = [...gradients.keys()];
    const changed = names.filter((name) =>
      gradients.get(name)!.some((x, i) => x !== referenceGradients.get(name)![i]),
    );
    // The stream is first stored behind the last layer norm: that one's gain and bias come from dlnf, never rounded.
    const untouched = role === 'residualGradient' ? ['ln_f.weight', 'ln_f.bias'] : [];
    expect(changed).toEqual(names.filter((name) => !untouched.includes(name)));
    const [a, b] = [flat(gradients), flat(referenceGradients)];
    expect(dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b))).toBeGreaterThan(0.9995);
  });

  it('matmuls read the rounded weight forward and backward, everything else the master', () => {
    const untied = { ...config, tied: false };
    const masters = randomParameters(untied);
    const computeCopies = new Map(
      parameterSpecs(untied).map(({ name, matmul }) => {
        const values = masters.get(name)!;
        return [name, matmul ? values.map((x) => roundTo('bf16', x)) : values];
      }),
    );
    const model = { config: untied, recipe: { roles: { ...all32, weight: 'bf16' as const } }, exact: true };
    const smooth = { ...exact, config: untied };
    expect(gradientsOf(model, masters, batch)).toEqual(gradientsOf(smooth, computeCopies, batch));
  });

  it('bias gradients of the projections are sums of the residual gradient, not of its rounded copy', () => {
    // With one row the sum is the gradient itself, so the format of what was summed shows.
    const one = { ...config, context: 1 };
    const model = { config: one, recipe: { roles: { ...all32, outputGradient: 'bf16' as const } } };
    const gradients = gradientsOf(model, randomParameters(one), randomBatch(3, one, 1));
    for (const name of ['h.1.mlp.c_proj.bias', 'h.0.mlp.c_proj.bias', 'h.0.attn.c_proj.bias']) {
      expect(rounded(gradients.get(name)!, 'bf16')).toBe(false);
    }
    expect(rounded(gradients.get('h.0.mlp.c_fc.bias')!, 'bf16')).toBe(true);
  });

  it.each(['fp16', 'bf16', 'tf32'] as const)('%s gradients point where f32 ones do', (mode) => {
    const scale = mode === 'fp16' ? 2 ** 10 : 1;
    const a = flat(gradientsOf({ config, recipe: described(mode) }, parameters, batch, scale));
    const b = flat(referenceGradients);
    expect(dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b))).toBeGreaterThan(mode === 'bf16' ? 0.999 : 0.99999);
  });

  it('padded vocabulary rows change nothing', () => {
    const unpadded = new Map(parameters);
    unpadded.set('wte.weight', parameters.get('wte.weight')!.slice(0, config.vocabulary * config.width));
    expect(modelForward(exact, unpadded, batch).loss).toBe(reference.loss);
  });
});
