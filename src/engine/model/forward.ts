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

/** Tokens to the final layer norm, (batch * T, C). Residual additions, biases and GELU are matmul epilogues. */
export function forward(target: Target, tensors: RunTensors, batch: number, found: Tensor): Operation[] {
  const { gpt, tokens, residual0, blocks, normF, statsF } = tensors;
  const { context, width: C } = gpt;
  const rows = batch * context;
  const shape = attentionShape(tensors, batch);
  const master = (name: string) => parameter(tensors, name).master;
  const weight = (name: string) => parameter(tensors, name).weight;
  const norm = (name: string, inp: Tensor, out: Tensor, stats: Tensor): Operation =>
    layernormForward(target, {
      label: name,
      inp,
      weight: master(`${name}.weight`),
      bias: master(`${name}.bias`),
      out,
      stats,
      rows,
      width: C,
      found,
    });

  const operations: Operation[] = [
    embeddingForward(target, {
      label: 'embedding',
      tokens,
      tokenWeight: master('wte.weight'),
      positionWeight: master('wpe.weight'),
      out: residual0,
      rows,
      context,
      width: C,
      found,
    }),
  ];
  let residual = residual0;
  for (const [layer, block] of blocks.entries()) {
    const h = `h.${layer}`;
    const linear = (
      name: string,
      a: Tensor,
      out: Tensor,
      n: number,
      k: number,
      fused: { residual?: Tensor; gelu?: Tensor },
    ) =>
      matmul(target, {
        label: `${h}.${name}`,
        a,
        b: weight(`${h}.${name}.weight`),
        bias: master(`${h}.${name}.bias`),
        out,
        m: rows,
        n,
        k,
        ...fused,
        found,
      });
    operations.push(
      norm(`${h}.ln_1`, residual, block.norm1, block.stats1),
      linear('attn.c_attn', block.norm1, block.qkv, 3 * C, C, {}),
      attentionForward(target, {
        label: `${h}.attn`,
        qkv: block.qkv,
        out: block.attention,
        lse: block.lse,
        shape,
        found,
      }),
      linear('attn.c_proj', block.attention, block.residualMid, C, C, { residual }),
      norm(`${h}.ln_2`, block.residualMid, block.norm2, block.stats2),
      linear('mlp.c_fc', block.norm2, block.activation, 4 * C, C, { gelu: block.preActivation }),
      linear('mlp.c_proj', block.activation, block.residualOut, C, 4 * C, { residual: block.residualMid }),
    );
    residual = block.residualOut;
  }
  operations.push(norm('ln_f', residual, normF, statsF));
  return operations;
}
