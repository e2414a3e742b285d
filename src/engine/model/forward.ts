/** The forward pass of a batch, readable top to bottom. */

import type { Operation, Target } from '../gpu/operation.ts';
import { groupsOf, type Operand, scaleOf, type Tensor } from '../gpu/tensor.ts';
import { attentionForward } from '../kernels/attention.ts';
import { geluForward } from '../kernels/gelu.ts';
import { matmul } from '../kernels/matmul.ts';
import { embeddingForward, layernormForward } from '../kernels/rows.ts';
import type { ParameterPart } from './chunks.ts';
import { forgetMagnitudes, quantize } from './scales.ts';
import { attentionShape, type RunTensors } from './tensors.ts';

/** The parts of the parameter called `name`; a missing one is a bug in the schedule. */
export function partsOf(tensors: RunTensors, name: string): readonly ParameterPart[] {
  const found = tensors.parameters.get(name);
  if (!found) throw new RangeError(`There is no parameter ${name}`);
  return found.parts;
}

/** The parameter called `name`, which is no vocabulary matrix and so is never split. */
export function parameter(tensors: RunTensors, name: string): ParameterPart {
  return partsOf(tensors, name)[0]!;
}

/** What block `layer` reads: the residual stream after the block before it. */
export function residualInto({ blocks, residual0 }: RunTensors, layer: number): Tensor {
  return layer === 0 ? residual0 : blocks[layer - 1]!.residualOut;
}

/** Tokens to the final layer norm, (batch * T, C). Residual additions, biases and GELU are matmul epilogues. */
export function forward(target: Target, tensors: RunTensors, batch: number, found: Tensor): Operation[] {
  const { gpt, tokens, residual0, blocks, normF, statsF, quantized } = tensors;
  const { context, width: C } = gpt;
  const rows = batch * context;
  return [
    // Current scales know only the batch at hand; delayed ones collect over the micro-batches of a step.
    ...(quantized?.scaling.kind === 'current' ? [forgetMagnitudes(quantized)] : []),
    ...partsOf(tensors, 'wte.weight').map((part) =>
      embeddingForward(target, {
        label: 'embedding',
        tokens,
        tokenWeight: part.master,
        firstToken: part.firstRow,
        tokenRows: part.rows,
        positionWeight: parameter(tensors, 'wpe.weight').master,
        out: residual0,
        rows,
        context,
        width: C,
        found,
      }),
    ),
    ...blocks.flatMap((block, layer) => [
      ...activationsInBlock(target, tensors, layer, batch, found),
      linear(target, tensors, {
        name: `h.${layer}.mlp.c_proj`,
        a: block.activation,
        out: block.residualOut,
        rows,
        n: C,
        k: 4 * C,
        residual: block.residualMid,
        found,
      }),
    ]),
    ...norm(target, tensors, {
      name: 'ln_f',
      inp: residualInto(tensors, blocks.length),
      out: normF,
      stats: statsF,
      rows,
      found,
    }),
  ];
}

/** The forward pass of a block but for its last matmul: all that its backward pass reads. */
export function activationsInBlock(
  target: Target,
  tensors: RunTensors,
  layer: number,
  batch: number,
  found: Tensor,
): Operation[] {
  const { context, width: C } = tensors.gpt;
  const block = tensors.blocks[layer]!;
  const residual = residualInto(tensors, layer);
  const h = `h.${layer}`;
  const rows = batch * context;
  return [
    ...normInput(target, tensors, `${h}.ln_1 input`, residual, block.normInput1, rows),
    ...norm(target, tensors, {
      name: `${h}.ln_1`,
      inp: block.normInput1,
      out: block.norm1,
      stats: block.stats1,
      rows,
      found,
    }),
    linear(target, tensors, {
      name: `${h}.attn.c_attn`,
      a: block.norm1,
      out: block.qkv,
      rows,
      n: 3 * C,
      k: C,
      found,
    }),
    attentionForward(target, {
      label: `${h}.attn`,
      qkv: block.qkv,
      out: block.attention,
      lse: block.lse,
      shape: attentionShape(tensors, batch),
      found,
    }),
    ...attentionOperand(target, tensors, layer, rows),
    linear(target, tensors, {
      name: `${h}.attn.c_proj`,
      a: block.attentionOperand,
      out: block.residualMid,
      rows,
      n: C,
      k: C,
      residual,
      found,
    }),
    ...normInput(target, tensors, `${h}.ln_2 input`, block.residualMid, block.normInput2, rows),
    ...norm(target, tensors, {
      name: `${h}.ln_2`,
      inp: block.normInput2,
      out: block.norm2,
      stats: block.stats2,
      rows,
      found,
    }),
    ...preActivationAndGelu(target, tensors, layer, rows, found),
  ];
}

/** What a layer norm reads of the residual stream, where that is a copy. */
function normInput(
  target: Target,
  { quantized, gpt }: RunTensors,
  label: string,
  inp: Tensor,
  out: Operand,
  rows: number,
): Operation[] {
  if (!quantized || !groupsOf(out)) return [];
  return quantize(target, quantized, { label, inp, out, elements: rows * gpt.width });
}

/** What c_proj reads of attention's output, where that is a copy. */
export function attentionOperand(
  target: Target,
  { quantized, blocks, gpt }: RunTensors,
  layer: number,
  rows: number,
): Operation[] {
  const { attention: inp, attentionOperand: out } = blocks[layer]!;
  if (!quantized) return [];
  return quantize(target, quantized, { label: `h.${layer}.attn`, inp, out, elements: rows * gpt.width });
}

/** c_fc with GELU in its epilogue; apart where the pre-activation that GELU sees has a scale of the whole tensor. */
function preActivationAndGelu(
  target: Target,
  tensors: RunTensors,
  layer: number,
  rows: number,
  found: Tensor,
): Operation[] {
  const { quantized, gpt, blocks } = tensors;
  const { norm2, preActivation, activation } = blocks[layer]!;
  const name = `h.${layer}.mlp.c_fc`;
  const args = { name, a: norm2, rows, n: 4 * gpt.width, k: gpt.width, found };
  if (!quantized) return [linear(target, tensors, { ...args, out: activation, gelu: preActivation })];
  const { wide } = quantized;
  return [
    linear(target, tensors, { ...args, out: wide }),
    ...quantize(target, quantized, { label: name, inp: wide, out: preActivation, elements: rows * args.n }),
    ...geluOf(target, tensors, layer, rows),
  ];
}

/** GELU of a stored pre-activation. */
export function geluOf(target: Target, tensors: RunTensors, layer: number, rows: number): Operation[] {
  const { preActivation, activation } = tensors.blocks[layer]!;
  const label = `h.${layer}.mlp.gelu`;
  const elements = rows * 4 * tensors.gpt.width;
  return stored(target, tensors, label, activation, elements, (out) =>
    geluForward(target, { label, preActivation, out, elements }),
  );
}

/** What makes `operand`: a kernel that writes it, or where it has a scale one that writes what is then quantised. */
export function stored(
  target: Target,
  { quantized }: RunTensors,
  label: string,
  operand: Operand,
  elements: number,
  kernel: (out: Operand) => Operation,
): Operation[] {
  if (!quantized || !scaleOf(operand)) return [kernel(operand)];
  const { wide } = quantized;
  return [kernel(wide), ...quantize(target, quantized, { label, inp: wide, out: operand, elements })];
}

interface NormArgs {
  readonly name: string;
  readonly inp: Operand;
  readonly out: Operand;
  readonly stats: Tensor;
  readonly rows: number;
  readonly found: Tensor;
}

function norm(target: Target, tensors: RunTensors, { name, ...args }: NormArgs): Operation[] {
  const { width } = tensors.gpt;
  return stored(target, tensors, name, args.out, args.rows * width, (out) =>
    layernormForward(target, {
      ...args,
      out,
      label: name,
      weight: parameter(tensors, `${name}.weight`).master,
      bias: parameter(tensors, `${name}.bias`).master,
      width,
    }),
  );
}

interface LinearArgs {
  readonly name: string;
  readonly a: Operand;
  readonly out: Operand;
  readonly rows: number;
  readonly n: number;
  readonly k: number;
  readonly residual?: Tensor;
  readonly gelu?: Operand;
  readonly found: Tensor;
}

/** out (rows, n) = a (rows, k) times the parameter's weight, with its bias. */
function linear(target: Target, tensors: RunTensors, { name, rows, ...args }: LinearArgs): Operation {
  return matmul(target, {
    ...args,
    label: name,
    b: parameter(tensors, `${name}.weight`).weight,
    bias: parameter(tensors, `${name}.bias`).master,
    m: rows,
  });
}
