/** Operations that quantise operands, and that compute the scales for it. */

import { streamOf } from '../core/rng.ts';
import type { Operation, Target } from '../gpu/operation.ts';
import {
  blockScalesOf,
  bytesPerElement,
  formatOf,
  levelsOf,
  type Operand,
  recordOf,
  slice,
  type Tensor,
} from '../gpu/tensor.ts';
import { quantizeLevelColumns, quantizeLevels, type RunLevels } from '../kernels/levels.ts';
import type { ModelKernels } from '../kernels/modelKernels.ts';
import { convertFormat } from '../kernels/optimizer.ts';
import { delayedScales, isSmoothed, quantizeColumns, quantizeCurrent } from '../kernels/quantize.ts';
import { type QuantizeBlocksArgs, quantizeBlocks } from '../kernels/quantizeBlocks.ts';
import type { ComputeWeight } from './chunks.ts';
import { forgetNoise } from './levels.ts';
import type { ScaleTable } from './scales.ts';

/**
 * Quantises `inp` into `out`, the copy that other kernels read. `out` has a tensor scale, scales of blocks or columns, or levels.
 * @param table the run's scales; needed only for a tensor scale
 * @param calibrates computes delayed scales from the tensor itself, as current ones
 * @param args `partials` is scratch, which scales of columns need; `rounding` and `random` are of blocks
 */
export function quantize(
  target: Target,
  { quantizeBlocks, quantizeColumns, quantizeCurrent, quantizeDelayed }: ModelKernels,
  table: ScaleTable | undefined,
  calibrates: boolean,
  args: Pick<QuantizeBlocksArgs, 'label' | 'inp' | 'out' | 'elements' | 'rounding' | 'random'> & {
    readonly partials: Tensor | null;
    readonly levels: RunLevels | null;
    /** Whether the noise of operands with levels is measured, where their blocks choose them by it. */
    readonly measures: boolean;
    readonly state: Tensor;
  },
): Operation[] {
  if (levelsOf(args.out)) {
    const { partials, levels, label } = args;
    const own = { label: `${label} at its levels`, seed: streamOf(label) };
    return quantizeLevels(target, { ...args, ...own, partials: partials!, levels: levels! });
  }
  const label = quantizedLabel(args.label, args.out);
  if (args.partials) return quantizeColumns(target, { ...args, partials: args.partials, label });
  if (blockScalesOf(args.out) && !isSmoothed(args.out))
    return quantizeBlocks(target, { ...args, ...magnitudesOf(table), label });
  const { delayed, amax, scales } = table!;
  const isCurrent = delayed === null || calibrates;
  return (isCurrent ? quantizeCurrent : quantizeDelayed)(target, { ...args, label, amax, scales });
}

/** The tensors of the table, which block scales need that are multiplied by a tensor scale. */
function magnitudesOf(table: ScaleTable | undefined): Partial<Pick<ScaleTable, 'amax' | 'scales'>> {
  return table ? { amax: table.amax, scales: table.scales } : {};
}

function quantizedLabel(name: string, out: Operand): string {
  return `${name} in ${8 * bytesPerElement(formatOf(out))} bits`;
}

/**
 * Clears the largest magnitude of `out` before a part of a batch is quantised. A current scale then depends on that part alone,
 * since the rest of the batch does not exist yet. A delayed scale is computed from whole batches, so nothing is cleared.
 */
export function forgetMagnitude({ delayed, amax }: ScaleTable, out: Operand): Operation[] {
  if (delayed !== null) return [];
  return [{ kind: 'clear', target: slice(amax, recordOf(out), 1) }];
}

/** Clears the largest magnitudes of activations and gradients before they are collected again. */
export function forgetMagnitudes({ amax, activationRecords }: ScaleTable): Operation {
  return { kind: 'clear', target: slice(amax, 0, activationRecords) };
}

/** Computes the delayed scales of the next step. Empty where all scales are current. */
export function nextScales(table: ScaleTable, state: Tensor): Operation[] {
  const { delayed, amax, scales, history, activationRecords: records } = table;
  if (!delayed || !history) return [];
  return [delayedScales({ ...delayed, amax, history, scales, state, records })];
}

/**
 * Makes the weights that matmuls read from the master weights, after an update. Their scales are always current, because the
 * new master weights are at hand.
 */
export function quantizeWeights(
  target: Target,
  {
    scales: table,
    computeWeights,
    weightPartials: partials,
    levels,
  }: {
    scales: ScaleTable | undefined;
    computeWeights: readonly ComputeWeight[];
    weightPartials: Tensor | null;
    levels: RunLevels | null;
  },
): Operation[] {
  const forgotten =
    table && slice(table.amax, table.activationRecords, table.names.length - table.activationRecords);
  return [
    ...(forgotten ? [{ kind: 'clear', target: forgotten } satisfies Operation] : []),
    ...forgetNoise(levels, 'weight'),
    ...computeWeights.flatMap(({ name, master, weight, columns, rounding }): Operation[] => {
      const label = quantizedLabel(name, weight);
      const args = { label, inp: master, out: weight, elements: master.elements };
      if (levels && levelsOf(weight)) {
        return [quantizeLevelColumns(target, { ...args, levels, columns, rows: master.elements / columns })];
      }
      const blockScales = blockScalesOf(weight);
      if (blockScales?.columns) return quantizeColumns(target, { ...args, partials: partials! });
      if (blockScales) return quantizeBlocks(target, { ...args, rounding, ...magnitudesOf(table) });
      return weight.scale
        ? quantizeCurrent(target, { ...args, amax: table!.amax, scales: table!.scales })
        : [convertFormat(target, args)];
    }),
  ];
}
