/** Operations that store operands multiplied by scales, and that find those scales. */
import type { Operation, Target } from '../gpu/operation.ts';
import { blockScalesOf, type Operand, recordOf, slice, type Tensor } from '../gpu/tensor.ts';
import type { ModelKernels } from '../kernels/modelKernels.ts';
import { convertFormat } from '../kernels/optimizer.ts';
import { delayedScales, quantizeBlocks, quantizeCurrent } from '../kernels/quantize.ts';
import type { ComputeWeight } from './chunks.ts';
import type { ScaleTable } from './scales.ts';

/**
 * Makes `out`, which has a scale or those of blocks, from `inp`: the copy that other kernels read.
 * @param table where `out` has a scale of its own
 * @param calibrates takes a delayed scale from the tensor itself
 */
export function quantize(
  target: Target,
  { quantizeBlocks, quantizeCurrent, quantizeDelayed }: ModelKernels,
  table: ScaleTable | undefined,
  calibrates: boolean,
  args: { label: string; inp: Operand; out: Operand; elements: number },
): Operation[] {
  const label = quantizedLabel(args.label);
  if (blockScalesOf(args.out)) return [quantizeBlocks(target, { ...args, label })];
  const { delayed, amax, scales } = table!;
  const isCurrent = delayed === null || calibrates;
  return (isCurrent ? quantizeCurrent : quantizeDelayed)(target, { ...args, label, amax, scales });
}

function quantizedLabel(name: string): string {
  return `${name} in 8 bits`;
}

/**
 * Before a part of a batch is quantised whose current scale is its own: no more of the batch is there yet. A delayed scale is
 * of whole batches, as everywhere.
 */
export function forgetMagnitude({ delayed, amax }: ScaleTable, out: Operand): Operation[] {
  if (delayed !== null) return [];
  return [{ kind: 'clear', target: slice(amax, recordOf(out), 1) }];
}

/** The largest magnitudes of activations and gradients, before they are collected anew. */
export function forgetMagnitudes({ amax, activationRecords }: ScaleTable): Operation {
  return { kind: 'clear', target: slice(amax, 0, activationRecords) };
}

/** The delayed scales of the step that follows; current ones need none. */
export function nextScales(table: ScaleTable, state: Tensor): Operation[] {
  const { delayed, amax, scales, history, activationRecords: records } = table;
  if (!delayed || !history) return [];
  return [delayedScales({ ...delayed, amax, history, scales, state, records })];
}

/**
 * Weights as matmuls read them, from the master weights: always at the scale of the newest, whose magnitudes are at hand
 * after an update.
 */
export function quantizeWeights(
  target: Target,
  {
    scales: table,
    computeWeights,
  }: { scales: ScaleTable | undefined; computeWeights: readonly ComputeWeight[] },
): Operation[] {
  const forgotten =
    table && slice(table.amax, table.activationRecords, table.names.length - table.activationRecords);
  return [
    ...(forgotten ? [{ kind: 'clear', target: forgotten } satisfies Operation] : []),
    ...computeWeights.flatMap(({ name, master, weight }): Operation[] => {
      const args = { label: quantizedLabel(name), inp: master, out: weight, elements: master.elements };
      if (blockScalesOf(weight)) return [quantizeBlocks(target, args)];
      return weight.scale
        ? quantizeCurrent(target, { ...args, amax: table!.amax, scales: table!.scales })
        : [convertFormat(target, args)];
    }),
  ];
}
