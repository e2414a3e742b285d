/** The scales of the tensors that a mode stores in eight bits, and the tensors that only such a mode has. */

import { microBatchOf, type TrainConfig } from '../config/trainConfig.ts';
import type { MemoryCategory } from '../core/memoryCategories.ts';
import type { Operation, Target } from '../gpu/operation.ts';
import {
  type ElementType,
  groupsOf,
  type Operand,
  recordOf,
  slice,
  sliceOf,
  type Tensor,
  type TensorSlice,
} from '../gpu/tensor.ts';
import { convertFormat } from '../kernels/optimizer.ts';
import {
  delayedScales,
  quantizeCurrent,
  quantizeDelayed,
  quantizeGroups,
  SCALE_WORDS,
} from '../kernels/quantize.ts';
import type { FormatId } from '../precision/formats.ts';
import { ACTIVATION_GROUP, largestBits, type Quantization } from '../precision/quantization.ts';
import type { ComputeWeight } from './chunks.ts';

/** What a mode with quantised operands adds to a run. R = B * T rows. */
export interface QuantizedTensors extends Quantization {
  /** Records of scale and inverse, one for each name; the first is 1, for operands without a scale. */
  readonly scales: Tensor;
  /** With delayed scaling: scales are not known yet, and found by this pass. */
  readonly calibrating: boolean;
  /** f32 bits of the largest magnitude seen under each scale. */
  readonly amax: Tensor;
  /** (records, historyLength) with delayed scaling: amax of earlier steps. */
  readonly history: Tensor | undefined;
  /** Names in the order of their records, those whose scale may be delayed first. */
  readonly names: readonly string[];
  /** How many scales may be delayed: all but those of weights, which are quantised where their magnitudes are at hand. */
  readonly activationRecords: number;
  /** (R, 4C) in the role's own format: what kernels write, until it is quantised. */
  readonly wide: Tensor;
  /** (R, 4C): the output gradient that the next matmuls read. */
  readonly outputGradient: Tensor;
  /** (headRows, Vp): dlogits as the LM head's matmuls read them, where those are quantised. */
  readonly logitsGradient: Operand | undefined;
}

/** Those of a run's tensors that depend on whether its mode quantises operands. */
export interface QuantizedParts {
  /** What a mode with quantised operands adds; undefined in the others. */
  readonly quantized: QuantizedTensors | undefined;
  /** Weights made one by one after an update, where AdamW does not write them itself. */
  readonly computeWeights: readonly ComputeWeight[];
}

/** Names of the scales of a block's tensors: forward operands, then output gradients. */
const BLOCK_SCALES = ['ln_1', 'attn', 'ln_2', 'mlp.c_fc', 'mlp.gelu'];
const GRADIENT_SCALES = ['mlp.c_proj', 'mlp.c_fc', 'attn.c_proj', 'attn.c_attn'].map((name) => `${name} dY`);
/** Of the LM head: its input, and dlogits. */
const HEAD_SCALES = ['ln_f', 'lm_head dY'];

/**
 * @param weights names of the matrices that are quantised, each part of a split one by its own
 * @param logits how many exist at a time
 */
export function planScales(
  quantization: Quantization,
  config: Pick<TrainConfig, 'layers' | 'batch' | 'microBatch' | 'context' | 'width'>,
  weights: readonly string[],
  logits: number,
  wideFormat: FormatId,
  add: (category: MemoryCategory, name: string, type: ElementType, elements: number) => Tensor,
): QuantizedTensors {
  const { layers, context, width } = config;
  const { scaling, formats, activations: kept, head } = quantization;
  const grouped = kept === '1x16';
  const elements = microBatchOf(config) * context * 4 * width;
  const activations = Array.from({ length: layers }, (_, layer) =>
    [...BLOCK_SCALES.filter((name) => !grouped || name !== 'mlp.c_fc'), ...GRADIENT_SCALES].map(
      (name) => `h.${layer}.${name}`,
    ),
  ).flat();
  if (head) activations.push(...HEAD_SCALES);
  const names = ['1', ...activations, ...weights];
  const activationRecords = 1 + activations.length;
  const records = {
    names,
    scales: add('state', 'scales of 8-bit tensors', 'u32', names.length * SCALE_WORDS),
  };
  return {
    ...quantization,
    ...records,
    calibrating: false,
    activationRecords,
    amax: add('state', 'largest magnitudes', 'u32', names.length),
    history:
      scaling.kind === 'delayed'
        ? add(
            'state',
            'largest magnitudes of earlier steps',
            'u32',
            activationRecords * scaling.historyLength,
          )
        : undefined,
    wide: add('activations', 'before quantisation', wideFormat, elements),
    outputGradient: add('activationGradients', 'output gradient operand', formats.outputGradient, elements),
    logitsGradient: head
      ? scaledBy(
          records,
          'lm_head dY',
          add('logits', 'logits gradient operand', formats.outputGradient, logits),
          logits,
        )
      : undefined,
  };
}

/** `tensor` with a scale for each 16 elements. @param plan plans so many words for them */
export function inGroups(tensor: Tensor, plan: (words: number) => Tensor): TensorSlice {
  const { elements } = tensor;
  // Four groups a word.
  return { ...slice(tensor, 0, elements), groups: plan(Math.ceil(elements / (4 * ACTIVATION_GROUP))) };
}

/** The first `elements` of `tensor` with the scale called `name`. */
export function scaledBy(
  { names, scales }: Pick<QuantizedTensors, 'names' | 'scales'>,
  name: string,
  tensor: Tensor,
  elements: number,
): TensorSlice {
  const record = names.indexOf(name);
  if (record < 0) throw new RangeError(`There is no scale ${name}`);
  const scale = slice(scales, record * SCALE_WORDS, SCALE_WORDS);
  return { ...slice(tensor, 0, elements), scale };
}

/** What each record is before step 1: a scale of 1, and the largest value of what is stored with it. */
export function initialScales({
  names,
  formats,
  activationRecords,
}: QuantizedTensors): Uint32Array<ArrayBuffer> {
  const words = new Uint32Array(names.length * SCALE_WORDS);
  const one = 0x3f800000;
  for (const [record, name] of names.entries()) {
    const role =
      record >= activationRecords ? 'weight' : name.endsWith(' dY') ? 'outputGradient' : 'activation';
    words.set([one, one, largestBits(formats[role]), 0], record * SCALE_WORDS);
  }
  return words;
}

/**
 * The same tensors for a pass that finds the first of the delayed scales: each tensor is stored at what it asks for itself
 * and so did those under its scale in the micro-batches before.
 */
export function calibrating<T extends Pick<QuantizedParts, 'quantized'>>(tensors: T): T {
  const { quantized } = tensors;
  return quantized ? { ...tensors, quantized: { ...quantized, calibrating: true } } : tensors;
}

/** Makes `out`, which has a scale or groups, from `inp`: the copy that other kernels read. */
export function quantize(
  target: Target,
  { scaling, calibrating, amax, scales }: QuantizedTensors,
  args: { label: string; inp: Operand; out: Operand; elements: number },
): Operation[] {
  const label = quantizedLabel(args.label);
  if (groupsOf(args.out)) return [quantizeGroups(target, { ...args, label })];
  const make = scaling.kind === 'current' || calibrating ? quantizeCurrent : quantizeDelayed;
  return make(target, { ...args, label, amax, scales });
}

const IN_8_BITS = ' in 8 bits';

/** Label of the dispatch after which the tensor called `name` is there. */
export function quantizedLabel(name: string): string {
  return `${name}${IN_8_BITS}`;
}

/** The name in a label of {@link quantizedLabel}. */
export function unquantizedName(label: string): string {
  return label.slice(0, -IN_8_BITS.length);
}

/**
 * The copy of dlogits that the LM head's matmuls read, of `count` rows at a time. A current scale is that of these rows: no
 * more of the batch is there yet. A delayed one is of whole batches, as everywhere.
 * @param inp dlogits, (count, Vp)
 */
export function quantizeLogitsGradient(
  target: Target,
  { quantized }: Pick<QuantizedParts, 'quantized'>,
  inp: TensorSlice,
): Operation[] {
  if (!quantized?.logitsGradient) return [];
  const { logitsGradient, scaling, amax } = quantized;
  const { elements } = inp;
  const out = sliceOf(logitsGradient, 0, elements);
  return [
    ...(scaling.kind === 'current'
      ? [{ kind: 'clear', target: slice(amax, recordOf(out), 1) } satisfies Operation]
      : []),
    ...quantize(target, quantized, { label: 'logits gradient', inp, out, elements }),
  ];
}

/** The largest magnitudes of activations and gradients, before they are collected anew. */
export function forgetMagnitudes({ amax, activationRecords }: QuantizedTensors): Operation {
  return { kind: 'clear', target: slice(amax, 0, activationRecords) };
}

/** The delayed scales of the step that follows; current ones need none. */
export function nextScales({ scaling, history, ...quantized }: QuantizedTensors, state: Tensor): Operation[] {
  if (scaling.kind !== 'delayed' || !history) return [];
  const { amax, scales, activationRecords: records } = quantized;
  return [delayedScales({ ...scaling, amax, history, scales, state, records })];
}

/**
 * Weights as matmuls read them, from the master weights: always at the scale of the newest, whose magnitudes are at hand
 * after an update.
 */
export function quantizeWeights(target: Target, { quantized, computeWeights }: QuantizedParts): Operation[] {
  if (!quantized) return [];
  const { amax, scales, names, activationRecords } = quantized;
  return [
    { kind: 'clear', target: slice(amax, activationRecords, names.length - activationRecords) },
    ...computeWeights.flatMap(({ name, master, weight }): Operation[] => {
      const args = { label: quantizedLabel(name), inp: master, out: weight, elements: master.elements };
      return weight.scale
        ? quantizeCurrent(target, { ...args, amax, scales })
        : [convertFormat(target, args)];
    }),
  ];
}
