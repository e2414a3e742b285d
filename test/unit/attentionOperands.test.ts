/** --quantize-attention: which operations it adds and where, what they store, and which modes take it. */
import { describe, expect, test } from 'vitest';
import { presetOf } from '../../src/engine/config/presets.ts';
import { checkConfig, type TrainConfig } from '../../src/engine/config/trainConfig.ts';
import type { Dispatch, Operation } from '../../src/engine/gpu/operation.ts';
import { blockScalesOf, byteLength, formatOf, scaleOf } from '../../src/engine/gpu/tensor.ts';
import { generationOperations, planGeneration } from '../../src/engine/model/generation.ts';
import { buildSchedule } from '../../src/engine/model/schedule.ts';
import { DEFAULT_LIMITS, type RunTensors, runTensors } from '../../src/engine/model/tensors.ts';
import { PRECISION_MODES, quantizesAttention } from '../../src/engine/precision/recipes.ts';
import { thrownBy } from './thrownBy.ts';

const MODES = ['fp8', 'fp8-delayed', 'fp8-row', 'mxfp8', 'fp8-block'] as const;
const TARGET = {
  half: 'packed',
  subgroup: 8,
  lanes: 8,
  matmul: 'register32',
  attention: 'register',
  matrixShapes: [],
  splitSums: false,
} as const;
const QWEN = { position: 'rope', keyValueHeads: 1, qkNorm: true } as const;

function tensorsOf(overrides: Partial<TrainConfig>) {
  const config: TrainConfig = {
    ...presetOf('smoke').config,
    layers: 2,
    quantizeAttention: true,
    ...overrides,
  };
  return { config, tensors: runTensors(config, 65, DEFAULT_LIMITS) };
}

const dispatchesOf = (operations: readonly Operation[]) =>
  operations.filter((operation): operation is Dispatch => operation.kind === 'dispatch');

describe.each(MODES)('%s', (precision) => {
  test.each<Partial<TrainConfig>>([{}, QWEN, { ...QWEN, recompute: 'block' }])(
    'with %o attention reads q, k, v and dO after they were rounded, and what it reads was rounded last',
    (kinds) => {
      const { config, tensors } = tensorsOf({ precision, ...kinds });
      const dispatches = dispatchesOf(buildSchedule(TARGET, tensors, config).microBatch);
      const lastWriter = (before: number, operand: unknown) =>
        dispatches
          .slice(0, before)
          .findLast(({ bindings, writes }) => writes.some((name) => bindings[name] === operand))!;
      const readers = [...dispatches.entries()].filter(([, { variant }]) =>
        /^attention_(forward|backward_query|backward_key_value)$/.test(variant.kernel),
      );
      const forward = kinds.recompute === 'block' ? 3 : 2;
      expect(readers).toHaveLength(forward + 4);
      for (const [at, { bindings, variant }] of readers) {
        expect(lastWriter(at, bindings.qkv!).label).toMatch(/^h\.[01]\.attn qkv as read$/);
        if (variant.kernel === 'attention_forward') continue;
        expect(lastWriter(at, bindings.dout!).label).toMatch(/^h\.[01]\.attn dO as read$/);
      }
      for (const [what, format] of [
        ['qkv', 'e4m3fn'],
        ['dO', precision.startsWith('fp8') && !/row|block/.test(precision) ? 'e5m2' : 'e4m3fn'],
      ] as const) {
        const { inp, out } = dispatches.find(({ label }) => label === `h.0.attn ${what} as read`)!.bindings;
        expect(formatOf(inp!)).toBe(format);
        expect(formatOf(out!)).toBe('bf16');
        const isTensor = precision === 'fp8' || precision === 'fp8-delayed';
        expect(scaleOf(inp!) !== undefined, what).toBe(isTensor);
        expect(blockScalesOf(inp!) !== undefined, what).toBe(!isTensor);
      }
      if (tensors.scales?.history) expect(tensors.scales.names).toContain('h.1.attn dO');
    },
  );

  test('samples have a scale for each row or block, and no gradient', () => {
    const { tensors } = tensorsOf({ precision });
    const { token } = generationOperations(planGeneration(tensors), TARGET);
    const labels = dispatchesOf(token).map(({ label }) => label);
    expect(labels.filter((label) => label.endsWith('qkv as read'))).toHaveLength(2);
    expect(labels.some((label) => label.includes(' dO'))).toBe(false);
  });

  test('adds its 8-bit copies to the plan, and nothing when it is off', () => {
    const [on, off] = [true, false].map(
      (quantizeAttention) => tensorsOf({ precision, quantizeAttention }).tensors,
    );
    const names = ({ planned }: RunTensors) => planned.map(({ tensor }) => tensor.name);
    const added = on!.planned.filter(({ tensor }) => !names(off!).includes(tensor.name));
    expect(added.map(({ tensor }) => tensor.name).sort()).toEqual(['dO in 8 bits', 'qkv in 8 bits']);
    for (const { tensor } of added) expect(byteLength(tensor)).toBeGreaterThanOrEqual(tensor.elements);
  });
});

test('other modes refuse it by name', () => {
  expect(PRECISION_MODES.filter(quantizesAttention)).toEqual(MODES);
  const config = { ...presetOf('smoke').config, precision: 'bf16', quantizeAttention: true } as const;
  const { message, hint } = thrownBy(() => checkConfig(config));
  expect(message).toBe('Mode bf16 has no 8-bit floats for attention, but quantize-attention was given.');
  expect(hint).toContain('fp8-row, mxfp8 or fp8-block');
});
