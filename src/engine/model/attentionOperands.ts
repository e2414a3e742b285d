/**
 * What attention reads in runs that quantise it: q, k and v, and the gradient of its output. Each is rounded to 8 bits and stored
 * again in the format that the kernels of attention read, which holds every 8-bit value times a power of two.
 */
import { type Operand, slice, type Tensor } from '../gpu/tensor.ts';
import { convertFormat } from '../kernels/optimizer.ts';
import type { AttentionOperands } from '../precision/recipe.ts';
import { blockRounding, blockScale, tensorScale } from '../precision/storage.ts';
import type { Pass } from './pass.ts';
import type { Site } from './site.ts';

const NAMES = { queryKeyValue: 'qkv', outputGradient: 'dO' } as const;

/** Emits the operations that round `operand`, (rows, elements / rows), in place; nothing in other runs. @param site of attention */
export function roundForAttention(
  pass: Pass,
  site: Site,
  which: keyof AttentionOperands,
  operand: Operand,
  elements: number,
): void {
  const storage = pass.run.recipe.attention?.[which];
  if (!storage) return;
  const isGradient = which === 'outputGradient';
  const name = `${site.name} ${NAMES[which]}`;
  const scales = blockScale(storage, elements / pass.rows);
  const planned = [`${NAMES[which]} in 8 bits`, storage.format, elements, scales] as const;
  const tensor: Tensor = isGradient
    ? pass.scratch(...planned)
    : pass.run.tensorPlan.shared('activations', ...planned);
  const role = isGradient ? 'outputGradient' : 'activation';
  const codes = {
    ...slice(tensor, 0, elements),
    ...(tensorScale(storage) && { scale: pass.run.scales!.scale(name, storage, role, site) }),
  };
  const kind = isGradient ? 'activationGradient' : 'activation';
  const stored = { name, kind, block: site.block, operand: codes, slot: 'out', copy: true } as const;
  pass.quantize(name, operand, codes, elements, { rounding: blockRounding(storage) }, stored);
  pass.emit((target) =>
    convertFormat(target, { label: `${name} as read`, inp: codes, out: operand, elements }),
  );
}
