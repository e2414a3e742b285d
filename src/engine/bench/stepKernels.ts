/** The kernels of a training step as WGSL, for tools that compile them without running them. */
import type { TrainConfig } from '../config/trainConfig.ts';
import type { AdapterReport } from '../gpu/device.ts';
import { type Dispatch, type Target, variantKey } from '../gpu/operation.ts';
import { assemble } from '../gpu/shaders.ts';
import { type MatrixShape, usableShapes } from '../gpu/subgroupMatrix.ts';
import { attentionCandidates, chooseHalf, makeTarget, matmulCandidates } from '../gpu/target.ts';
import { byteRange } from '../gpu/tensor.ts';
import { planLimits } from '../model/memoryPlan.ts';
import { buildSchedule } from '../model/schedule.ts';
import { runTensors } from '../model/tensors.ts';

export interface StepKernel
  extends Pick<Dispatch['variant'], 'kernel' | 'slots' | 'conditions' | 'constants'> {
  /** Equal for equal WGSL. */
  readonly key: string;
  readonly code: string;
  readonly entryPoint: string;
  /** What the first dispatch makes. */
  readonly label: string;
  /** Dispatches a step of one micro-batch. */
  readonly dispatches: number;
  /** Floating-point operations of them all; 0 where they do not decide how long it takes. */
  readonly flops: number;
  /** Bytes that they bind, each operand of a dispatch once: a lower bound of the memory traffic. */
  readonly bytes: number;
}

/**
 * The targets that a run on this adapter may end with: each matmul kernel and each attention kernel,
 * with and without subgroups, and matrix units. Products of 8-bit integers are packed where WGSL can.
 */
export function candidateTargets(report: AdapterReport, half: TrainConfig['half']): Target[] {
  const reports = report.subgroup?.size ? [report, { ...report, subgroup: null }] : [report];
  const targets = reports.flatMap((one) => {
    const [first, ...others] = matmulCandidates(one);
    const make = (matmul: Target['matmul'], attention: Target['attention']): Target =>
      makeTarget(one, chooseHalf(half, one), {
        ...{ matmul, attention, matrixShapes: [] },
        packedProducts: (one.packedProducts ?? false) && !one.isFallback,
      });
    const attentions = attentionCandidates(one);
    return [
      ...attentions.map((attention) => make(first!, attention)),
      ...others.map((matmul) => make(matmul, attentions[0]!)),
    ];
  });
  const matrixShapes = report.subgroup?.size ? firstOfEach(usableShapes(report.matrixConfigs)) : [];
  return matrixShapes.length > 0 ? [...targets, { ...targets[0]!, matrixShapes }] : targets;
}

/** A run uses one shape of each component. */
function firstOfEach(shapes: readonly MatrixShape[]): MatrixShape[] {
  return [...new Map(shapes.toReversed().map((shape) => [shape.component, shape])).values()];
}

/** The variants that a step dispatches, in the order of their first dispatch. */
export function stepKernels(
  target: Target,
  config: TrainConfig,
  vocabulary: number,
  limits: AdapterReport['limits'],
): Promise<StepKernel[]> {
  const tensors = runTensors(config, vocabulary, planLimits(limits));
  const { begin, microBatch, optimizer } = buildSchedule(target, tensors, config);
  const variants = new Map<string, Dispatch[]>();
  for (const operation of [...begin, ...microBatch, ...optimizer]) {
    if (operation.kind !== 'dispatch') continue;
    const key = variantKey(operation.variant);
    const dispatches = variants.get(key);
    if (dispatches) dispatches.push(operation);
    else variants.set(key, [operation]);
  }
  return Promise.all([...variants].map(([key, dispatches]) => described(key, dispatches)));
}

async function described(key: string, dispatches: readonly Dispatch[]): Promise<StepKernel> {
  const { variant, label } = dispatches[0]!;
  const { code, entryPoint } = await assemble(variant);
  const { kernel, slots, conditions, constants } = variant;
  const operands = dispatches.flatMap(({ bindings }) => Object.values(bindings));
  return {
    ...{ key, kernel, slots, conditions, constants, code, entryPoint, label },
    dispatches: dispatches.length,
    flops: dispatches.reduce((sum, { flops = 0 }) => sum + flops, 0),
    bytes: operands.reduce((sum, operand) => sum + byteRange(operand).size, 0),
  };
}
