import { expect, test } from 'vitest';
import type { ModelKinds } from '../../../src/engine/config/gptConfig.ts';
import { presetOf } from '../../../src/engine/config/presets.ts';
import type { Dispatch } from '../../../src/engine/gpu/operation.ts';
import { byteLength, type Operand, type Tensor, tensorOf } from '../../../src/engine/gpu/tensor.ts';
import { ProbeCost } from '../../../src/engine/inspect/cost.ts';
import { buildNumerics } from '../../../src/engine/inspect/schedule.ts';
import { narrowedStores } from '../../../src/engine/model/numericsRows.ts';
import { buildSchedule } from '../../../src/engine/model/schedule.ts';
import { DEFAULT_LIMITS, runTensors } from '../../../src/engine/model/tensors.ts';
import { describeRecipe } from '../../../src/engine/precision/description.ts';
import { PRECISION_MODES } from '../../../src/engine/precision/recipes.ts';
import { isQuantized } from '../../../src/engine/precision/storage.ts';

const target = {
  half: 'packed',
  subgroup: 8,
  lanes: 8,
  matmul: 'register32',
  attention: 'register',
  matrixShapes: [],
  splitSums: true,
} as const;

const LLAMA = { position: 'rope', keyValueHeads: 1 } as const;
const QWEN = { ...LLAMA, qkNorm: true } as const;

test.each([
  ...PRECISION_MODES.map((precision) => [precision, 'tensor', 'layernorm', 'gelu', {}] as const),
  ['fp8', '1x16', 'layernorm', 'gelu', {}],
  ['fp16', 'tensor', 'rmsnorm', 'relu2', {}],
  ['fp8', '1x16', 'rmsnorm', 'relu2', {}],
  ['fp16', 'tensor', 'layernorm', 'gelu', LLAMA],
  ['bf16', 'tensor', 'layernorm', 'gelu', QWEN],
  ['fp8', 'tensor', 'layernorm', 'gelu', QWEN],
] as const)(
  '%s, activations %s, %s, %s, %o: every gradient row is counted, and by dispatches of the same site',
  (precision, quantizeActivations, norm, mlp, attention: Partial<ModelKinds>) => {
    const config = { ...presetOf('smoke').config, precision, quantizeActivations, norm, mlp, ...attention };
    const tensors = runTensors(config, 80, DEFAULT_LIMITS);
    const { microBatch } = buildSchedule(target, tensors, config);
    const numerics = buildNumerics(target, tensors);
    const sited = numerics.measured.filter(
      (operation) => operation.kind !== 'dispatch' || !operation.observes,
    );
    expect(sited.map((operation) => operation.kind === 'dispatch' && operation.label)).toEqual(
      microBatch.map((operation) => operation.kind === 'dispatch' && operation.label),
    );
    const counted = new Set(
      [...numerics.measured, ...numerics.gradients].flatMap((operation) => {
        const histogram = operation.kind === 'dispatch' ? operation.bindings.histogram : undefined;
        return histogram && 'tensor' in histogram ? [histogram.offset / 256] : [];
      }),
    );
    const { gradients, weights, activations } = numerics.rows;
    expect([...counted].sort((a, b) => a - b)).toEqual(gradients.map((_, i) => i));
    expect(new Set(gradients.map(({ name }) => name)).size).toBe(gradients.length);
    for (const rows of [gradients, weights, activations]) {
      expect(byteLength(tensors.histogram)).toBeGreaterThanOrEqual(rows.length * 1024 + 64);
    }
    const rows = [...gradients, ...activations].map(({ name }) => name);
    expect(rows).toContain(`h.0.mlp.${mlp}`);
    expect(rows.includes('h.0.ln_1.bias')).toBe(norm === 'layernorm');
    const { noise } = numerics;
    const measured = [...numerics.measured, ...noise.weights].flatMap((operation) => {
      const parts = operation.kind === 'dispatch' ? operation.bindings.parts : undefined;
      return parts && 'tensor' in parts ? [(parts.offset - noise.firstWord) / 256] : [];
    });
    expect([...new Set(measured)].sort((a, b) => a - b)).toEqual(noise.rows.map((_, i) => i));
    expect(noise.firstWord).toBe(gradients.length * 256);
    expect(byteLength(tensors.histogram)).toBeGreaterThanOrEqual(
      4 * (noise.firstWord + 256 * noise.rows.length) + 64,
    );
    // 4 linear layers a block have a weight, an input and an output gradient each, and GELU its own input; in groups those of
    // layer norm are stored too. Attention has q, k, v and its output, and the gradients of both.
    const blocks = noise.rows.filter(({ name }) => name.startsWith('h.'));
    const { roles, masterRounding } = describeRecipe(tensors.recipe);
    const weights4 = roles.weight !== 'f32' && roles.master === 'f32' && masterRounding === 'nearest';
    // Behind QK-norm q, k and v are stored once more; RoPE alone changes them in place, which is not measured.
    const attentions = attention.qkNorm ? 5 : 4;
    const inFp8 = (quantizeActivations === '1x16' ? 15 : 13) + attentions;
    const operands = [roles.activation, roles.activation, roles.activation, roles.preActivation];
    const inOthers = [...operands, roles.outputGradient, ...Array(attentions).fill(roles.attention)];
    const stored = inOthers.filter((format) => format !== 'f32').length;
    const inBlocks = Array.from({ length: config.layers }, (_, block) => {
      if (precision === 'bf16-last-fp32' && block === config.layers - 1) return 0;
      const isStored = (role: 'activation' | 'preActivation') =>
        isQuantized(tensors.recipe.storage(role, { block, blocks: config.layers }));
      // A kernel narrows GELU's input where it is not quantised.
      return isStored('activation')
        ? inFp8 + (isStored('preActivation') ? 0 : 1)
        : stored + (weights4 ? 4 : 0);
    });
    // Of two copies of an operand one is measured.
    expect(blocks.length).toBe(inBlocks.reduce((sum, count) => sum + count, 0));
  },
);

test.each([
  ...(['fp16', 'fp16-pure', 'bf16', 'tf32', 'e8m3', 'fp8'] as const).map(
    (precision) => [precision, {}] as const,
  ),
  ['fp16', { norm: 'rmsnorm', mlp: 'relu2' }],
  ['fp8', { norm: 'rmsnorm', mlp: 'relu2' }],
] as const)(
  '%s %o: what is stored once more in f32 reads the run and writes none of it',
  (precision, kinds) => {
    const config = { ...presetOf('smoke').config, precision, recompute: 'block', ...kinds } as const;
    const tensors = runTensors(config, 80, DEFAULT_LIMITS);
    const { measured, noise, microBatch: counted } = buildNumerics(target, tensors);
    const shadows = measured.filter(
      (operation): operation is Dispatch =>
        operation.kind === 'dispatch' && operation.label.endsWith(' in f32'),
    );
    const slotOf = ({ bindings }: Dispatch, tensor: Operand) =>
      Object.keys(bindings).find((slot) => tensorOf(bindings[slot]!) === tensor);
    const [wide, aside, found] = noise.scratch as [Tensor, Tensor, Tensor];
    const written = new Set(['out', 'dqkv', 'dlogits']);
    for (const shadow of shadows) {
      const { kernel, slots, conditions } = shadow.variant;
      const slot = slotOf(shadow, wide)!;
      expect([shadow.label, slots[slot], written.has(slot)]).toEqual([shadow.label, 'f32', true]);
      expect([shadow.label, shadow.observes, conditions.activation ?? false]).toEqual([
        shadow.label,
        true,
        false,
      ]);
      const others = { attention_forward: 'lse', attention_backward_query: 'dots', cross_entropy: 'losses' };
      expect([kernel, slotOf(shadow, aside)]).toEqual([kernel, others[kernel as keyof typeof others]]);
      // The kernels that recompute have no overflow to report.
      const silent = kernel === 'activation_forward' || kernel === 'layernorm_recompute';
      expect([kernel, slotOf(shadow, found)]).toEqual([kernel, silent ? undefined : 'found']);
    }
    // A comparison only counts: it compiles no shadow.
    expect(counted.length).toBe(
      measured.length - shadows.length - 2 * narrowedStores(tensors.training.stores).length,
    );
    // Once each; gradients of q and of k and v are two kernels, and the rounded copy of a residual gradient needs none.
    const layers = config.layers;
    const each = { fp16: 10, bf16: 10, tf32: 9, e8m3: 9, 'fp16-pure': 12, fp8: 5 }[precision];
    expect(shadows.length).toBe(each * layers + 2 + (precision === 'fp16-pure' ? 1 : 0));
  },
);

test('the cost is the extra time of probed steps, spread over the interval', () => {
  const cost = new ProbeCost();
  let now = 0;
  const steps = (probed: boolean, ms: number, count: number) => {
    for (let i = 0; i < count; i++) {
      now += ms;
      cost.stepArrived(probed, now);
    }
  };
  steps(false, 10, 20);
  expect(cost.share(20)).toBeNull();
  steps(true, 500, 1); // compiles on first use
  expect(cost.share(20)).toBeNull();
  cost.interrupt(); // an evaluation
  now += 4000;
  steps(false, 10, 20);
  steps(true, 15, 2);
  expect(cost.share(20)).toBeNull(); // too few to tell from noise
  steps(true, 15, 1);
  expect(cost.share(20)).toBeCloseTo(5 / 205);
  expect(cost.share(5)).toBeCloseTo(5 / 55);
});

test.each([{}, { precision: 'nvfp4', heal: 0.2 }] as const)(
  'with gated MLPs and moments that have a floor, %o: what is measured begins at multiples of 256 bytes, each at its own place',
  (settings) => {
    const config = {
      ...presetOf('smoke').config,
      precision: 'bf16',
      mlp: 'swiglu',
      intermediate: 80,
      optimState: 'fp8-e4m3-e5m2',
      ...settings,
    } as const;
    const tensors = runTensors(config, 80, DEFAULT_LIMITS);
    for (const phase of [tensors, ...(tensors.healed ? [tensors.healed] : [])]) {
      const { measured, gradients, noise } = buildNumerics(target, phase);
      const places = new Map<number, string>();
      for (const operation of [...measured, ...gradients]) {
        if (operation.kind !== 'dispatch') continue;
        for (const [binding, operand] of Object.entries(operation.bindings)) {
          // The largest magnitude is in the last of the parts.
          const name = binding === 'amax' ? 'parts' : binding;
          if (tensorOf(operand) !== tensors.histogram || !('tensor' in operand)) continue;
          expect((4 * operand.offset) % 256, `${operation.label}, ${name}`).toBe(0);
          const before = places.get(operand.offset);
          expect(before ?? name, operation.label).toBe(name);
          places.set(operand.offset, name);
        }
      }
      expect([...places.values()].filter((name) => name === 'tally')).toHaveLength(config.layers);
      const last = [...places].filter(([, name]) => name === 'parts').map(([offset]) => offset);
      expect(Math.max(...last)).toBeLessThanOrEqual(noise.firstWord + 256 * (noise.rows.length - 1));
      const tallies = [...places].filter(([, name]) => name === 'tally').map(([offset]) => offset);
      expect(Math.min(...tallies)).toBeGreaterThanOrEqual(noise.firstWord + 256 * noise.rows.length);
    }
  },
);
