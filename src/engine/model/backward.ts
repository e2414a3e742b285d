/** The backward pass after the LM head, last block first. Parameter gradients are added to, never overwritten. */

import type { Operation, Target } from '../gpu/operation.ts';
import type { Operand, Tensor } from '../gpu/tensor.ts';
import { attentionBackward } from '../kernels/attention.ts';
import { matmul } from '../kernels/matmul.ts';
import {
  columnSum,
  embeddingBackwardPosition,
  embeddingBackwardToken,
  layernormBackward,
  layernormBackwardParameters,
} from '../kernels/rows.ts';
import { weightGradient } from '../kernels/weightGradient.ts';
import { attentionOperand, parameter, partsOf, residualInto } from './forward.ts';
import { recompute } from './recompute.ts';
import { quantize, scaledBy } from './scales.ts';
import { attentionShape, type RunTensors } from './tensors.ts';

export function backward(target: Target, tensors: RunTensors, batch: number): Operation[] {
  const {
    gpt,
    rows,
    blocks,
    found,
    partials,
    dresidual,
    dresidualOperand,
    dnorm,
    dpreActivation,
    dattention,
    dqkv,
    quantized,
  } = tensors;
  const { context, width: C } = gpt;
  const shape = attentionShape(tensors, batch);
  const weight = (name: string) => parameter(tensors, name).weight;
  const gradient = (name: string) => parameter(tensors, name).gradient;
  /** The dY operand the next matmuls read; written beside `dresidual` where the recipe rounds it. */
  const rounded = dresidualOperand === dresidual ? undefined : dresidualOperand;

  /** `dnorm` through a layer norm into the residual gradient, with the norm's own gradients. */
  const norm = (name: string, inp: Operand, stats: Tensor, accumulate: boolean): Operation[] => [
    ...layernormBackwardParameters(target, {
      label: name,
      inp,
      dout: dnorm,
      stats,
      partials,
      dweight: gradient(`${name}.weight`),
      dbias: gradient(`${name}.bias`),
      rows,
      width: C,
      found,
    }),
    layernormBackward(target, {
      label: `residual gradient at ${name}`,
      inp,
      dout: dnorm,
      weight: parameter(tensors, `${name}.weight`).master,
      stats,
      dinp: dresidual,
      rounded,
      accumulate,
      rows,
      width: C,
      found,
    }),
  ];
  const bias = (name: string, inp: Tensor, width: number): Operation[] =>
    columnSum(target, {
      label: `${name}.bias gradient`,
      inp,
      partials,
      out: gradient(`${name}.bias`),
      rows,
      width,
      found,
    });
  /** dW (k, n) += x^T dY */
  const dWeight = (name: string, x: Operand, dY: Operand, k: number, n: number): Operation[] => {
    const label = `${name}.weight gradient`;
    const out = gradient(`${name}.weight`);
    return weightGradient(target, { label, a: x, b: dY, out, m: k, n, k: rows, found }, partials);
  };
  /** dX (rows, k) = dY W^T */
  const dInput = (
    name: string,
    label: string,
    dY: Operand,
    out: Tensor,
    k: number,
    n: number,
    geluBackward?: Operand,
  ): Operation =>
    matmul(target, {
      label,
      a: dY,
      b: weight(`${name}.weight`),
      bTransposed: true,
      out,
      m: rows,
      n: k,
      k: n,
      ...(geluBackward && { geluBackward }),
      found,
    });

  /** What the matmuls of `name` read as dY, and what makes it: `rounded`, or from `dY` its quantised copy. */
  const outputGradient = (
    name: string,
    dY: Tensor,
    rounded: Tensor,
    width: number,
  ): { operand: Operand; made: Operation[] } => {
    if (!quantized) return { operand: rounded, made: [] };
    const elements = rows * width;
    const operand = scaledBy(quantized, `${name} dY`, quantized.outputGradient, elements);
    const label = `${name} output gradient`;
    return { operand, made: quantize(target, quantized, { label, inp: dY, out: operand, elements }) };
  };

  const operations: Operation[] = norm('ln_f', residualInto(tensors, blocks.length), tensors.statsF, false);
  for (let layer = blocks.length - 1; layer >= 0; layer--) {
    const block = blocks[layer]!;
    const h = `h.${layer}`;
    const dMlp = outputGradient(`${h}.mlp.c_proj`, dresidual, dresidualOperand, C);
    const dPre = outputGradient(`${h}.mlp.c_fc`, dpreActivation, dpreActivation, 4 * C);
    const dProjection = outputGradient(`${h}.attn.c_proj`, dresidual, dresidualOperand, C);
    const dQkv = outputGradient(`${h}.attn.c_attn`, dqkv, dqkv, 3 * C);
    operations.push(
      ...recompute(target, tensors, layer, batch),
      ...bias(`${h}.mlp.c_proj`, dresidual, C),
      ...dMlp.made,
      ...dWeight(`${h}.mlp.c_proj`, block.activation, dMlp.operand, 4 * C, C),
      dInput(
        `${h}.mlp.c_proj`,
        `${h}.mlp.c_fc gradient`,
        dMlp.operand,
        dpreActivation,
        4 * C,
        C,
        block.preActivation,
      ),
      ...bias(`${h}.mlp.c_fc`, dpreActivation, 4 * C),
      ...dPre.made,
      ...dWeight(`${h}.mlp.c_fc`, block.norm2, dPre.operand, C, 4 * C),
      dInput(`${h}.mlp.c_fc`, `${h}.ln_2 gradient`, dPre.operand, dnorm, C, 4 * C),
      ...norm(`${h}.ln_2`, block.normInput2, block.stats2, true),
      ...bias(`${h}.attn.c_proj`, dresidual, C),
      ...dProjection.made,
      ...attentionOperand(target, tensors, layer, rows),
      ...dWeight(`${h}.attn.c_proj`, block.attentionOperand, dProjection.operand, C, C),
      dInput(`${h}.attn.c_proj`, `${h}.attn gradient`, dProjection.operand, dattention, C, C),
      ...attentionBackward(target, {
        label: `${h}.attn.c_attn gradient`,
        qkv: block.qkv,
        out: block.attention,
        dout: dattention,
        lse: block.lse,
        dots: tensors.dots,
        dqkv,
        shape,
        found,
      }),
      ...bias(`${h}.attn.c_attn`, dqkv, 3 * C),
      ...dQkv.made,
      ...dWeight(`${h}.attn.c_attn`, block.norm1, dQkv.operand, C, 3 * C),
      dInput(`${h}.attn.c_attn`, `${h}.ln_1 gradient`, dQkv.operand, dnorm, C, 3 * C),
      ...norm(`${h}.ln_1`, block.normInput1, block.stats1, true),
    );
  }
  operations.push(
    ...partsOf(tensors, 'wte.weight').map((part) =>
      embeddingBackwardToken(target, {
        label: 'wte.weight gradient',
        starts: tensors.tokenStarts,
        positions: tensors.tokenPositions,
        dout: dresidual,
        dweight: part.gradient,
        firstToken: part.firstRow,
        tokens: part.rows,
        width: C,
        found,
      }),
    ),
    embeddingBackwardPosition(target, {
      label: 'wpe.weight gradient',
      dout: dresidual,
      dweight: gradient('wpe.weight'),
      batch,
      context,
      width: C,
      found,
    }),
  );
  return operations;
}
