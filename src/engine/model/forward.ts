/** The forward pass of a batch, readable top to bottom. */
import { attentionForward } from '../kernels/attention.ts';
import { matmul } from '../kernels/matmul.ts';
import type { Operation, Target } from '../kernels/operation.ts';
import { embeddingForward, layernormForward } from '../kernels/rows.ts';
import type { Tensor } from '../tensor.ts';
import type { Parameter } from './chunks.ts';
import { attentionShape, type RunTensors } from './tensors.ts';

/** The parameter called `name`; a missing one is a bug in the schedule. */
export function parameter(tensors: RunTensors, name: string): Parameter {
  const found = tensors.parameters.get(name);
  if (!found) throw new RangeError(`There is no parameter ${name}`);
  return found;
}

/** What block `layer` reads: the residual stream after the block before it. */
export function residualInto({ blocks, residual0 }: RunTensors, layer: number): Tensor {
  return layer === 0 ? residual0 : blocks[layer - 1]!.residualOut;
}

/** Tokens to the final layer norm, (batch * T, C). Residual additions, biases and GELU are matmul epilogues. */
export function forward(target: Target, tensors: RunTensors, batch: number, found: Tensor): Operation[] {
  const { gpt, tokens, residual0, blocks, normF, statsF } = tensors;
  const { context, width: C } = gpt;
  const rows = batch * context;
  return [
    embeddingForward(target, {
      label: 'embedding',
      tokens,
      tokenWeight: parameter(tensors, 'wte.weight').master,
      positionWeight: parameter(tensors, 'wpe.weight').master,
      out: residual0,
      rows,
      context,
      width: C,
      found,
    }),
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
    norm(target, tensors, {
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
    norm(target, tensors, {
      name: `${h}.ln_1`,
      inp: residual,
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
    linear(target, tensors, {
      name: `${h}.attn.c_proj`,
      a: block.attention,
      out: block.residualMid,
      rows,
      n: C,
      k: C,
      residual,
      found,
    }),
    norm(target, tensors, {
      name: `${h}.ln_2`,
      inp: block.residualMid,
      out: block.norm2,
      stats: block.stats2,
      rows,
      found,
    }),
    linear(target, tensors, {
      name: `${h}.mlp.c_fc`,
      a: block.norm2,
      out: block.activation,
      rows,
      n: 4 * C,
      k: C,
      gelu: block.preActivation,
      found,
    }),
  ];
}

interface NormArgs {
  readonly name: string;
  readonly inp: Tensor;
  readonly out: Tensor;
  readonly stats: Tensor;
  readonly rows: number;
  readonly found: Tensor;
}

function norm(target: Target, tensors: RunTensors, { name, ...args }: NormArgs): Operation {
  return layernormForward(target, {
    ...args,
    label: name,
    weight: parameter(tensors, `${name}.weight`).master,
    bias: parameter(tensors, `${name}.bias`).master,
    width: tensors.gpt.width,
  });
}

interface LinearArgs {
  readonly name: string;
  readonly a: Tensor;
  readonly out: Tensor;
  readonly rows: number;
  readonly n: number;
  readonly k: number;
  readonly residual?: Tensor;
  readonly gelu?: Tensor;
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
