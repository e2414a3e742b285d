/** Compares a family of attention kernels with the plain one, because a driver may compile what it does not expect incorrectly. */
import { EngineError } from '../core/errors.ts';
import { randomBits } from '../core/rng.ts';
import { Arena, readTensor } from '../gpu/arena.ts';
import type { Target } from '../gpu/operation.ts';
import { Program } from '../gpu/program.ts';
import type { Tensor } from '../gpu/tensor.ts';
import { attentionBackward, attentionForward } from './attention.ts';
import type { Gpu } from './kernelTiming.ts';

/** A context of more than a workgroup, which no workgroup divides. */
const SHAPE = { batch: 1, context: 70, heads: 2, headSize: 32 } as const;
const ROWS = SHAPE.batch * SHAPE.heads * SHAPE.context;
const ELEMENTS = ROWS * SHAPE.headSize;
/**
 * Most that results may differ, as a share of the largest: a hundred times what rounding does here, and a tenth of what a
 * row, a mask or a scale that is wrong does.
 */
const TOLERANCE = 2 ** -13;

/**
 * Describes how the results of `tested` differ from those of `plain`; null if they agree. Waits for the GPU.
 * @throws EngineError OUT_OF_MEMORY
 */
export async function attentionFault(
  { device, pipelines }: Pick<Gpu, 'device' | 'pipelines'>,
  tested: Target,
  plain: Target,
): Promise<string | null> {
  const tensor = (name: string, elements: number): Tensor => ({
    name: `self-test ${name}`,
    type: 'f32',
    elements,
  });
  const [qkv, dqkv] = [tensor('qkv', 3 * ELEMENTS), tensor('dqkv', 3 * ELEMENTS)];
  const [out, dout] = [tensor('out', ELEMENTS), tensor('dout', ELEMENTS)];
  const [lse, dots] = [tensor('lse', ROWS), tensor('dots', ROWS)];
  const found: Tensor = { name: 'self-test found', type: 'u32', elements: 4 };
  const results = { out, lse, dqkv };
  const arena = await Arena.allocate(device, [qkv, dqkv, out, dout, lse, dots, found]);
  const run = async (target: Target): Promise<Record<string, Float32Array>> => {
    const common = { label: 'self-test', found, qkv, lse, out, shape: SHAPE };
    const operations = [
      ...Object.values(results).map((target) => ({ kind: 'clear', target }) as const),
      attentionForward(target, common),
      ...attentionBackward(target, { ...common, dout, dots, dqkv }),
    ];
    const program = await Program.compile(device, pipelines, arena, 'self-test', operations);
    program.submit(Number.POSITIVE_INFINITY);
    program.destroy();
    const read: Record<string, Float32Array> = {};
    for (const [name, tensor] of Object.entries(results)) {
      read[name] = new Float32Array(await readTensor(device, arena, tensor));
    }
    return read;
  };
  try {
    for (const [i, input] of [qkv, dout].entries()) {
      const values = Float32Array.from(
        { length: input.elements },
        (_, at) => randomBits(at, i) / 2 ** 31 - 1,
      );
      device.queue.writeBuffer(arena.buffer(input), 0, values);
    }
    const [actual, expected] = [await run(tested), await run(plain)];
    for (const name in results) {
      const problem = differenceOf(actual[name]!, expected[name]!);
      if (problem) return `${name}: ${problem}`;
    }
    return null;
  } catch (error) {
    if (!(error instanceof EngineError && error.code === 'SHADER_COMPILE')) throw error;
    return error.message;
  } finally {
    arena.destroy();
  }
}

function differenceOf(actual: Float32Array, expected: Float32Array): string | null {
  const largest = expected.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
  if (!(largest > 0 && Number.isFinite(largest))) return `the plain kernel has ${largest} as the largest`;
  const at = expected.findIndex((x, i) => !(Math.abs(actual[i]! - x) <= TOLERANCE * largest));
  return at < 0 ? null : `${actual[at]} at ${at} where the plain kernel has ${expected[at]}`;
}
