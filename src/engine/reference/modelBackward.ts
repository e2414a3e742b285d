import { mlpWidth } from '../config/gptConfig.ts';
import { attentionBackward } from './attention.ts';
import { crossEntropyBackward } from './crossEntropy.ts';
import { dropped } from './dropout.ts';
import { embeddingBackward } from './embedding.ts';
import { ACTIVATION_FUNCTIONS, type NormOutput } from './kinds.ts';
import { layerScaleBackward } from './layerScale.ts';
import { add, columnSum, matmul, matmulTransposedA, matmulTransposedB } from './matmul.ts';
import {
  type Activations,
  attentionShape,
  attentionWidths,
  type Batch,
  biasOf,
  computeWeight,
  headParameter,
  headWeight,
  type LayerActivations,
  type LinearPart,
  type Parameters,
  parameter,
  preActivations,
  queryKeyOptions,
  type ReferenceModel,
} from './model.ts';
import { queryKeyBackward } from './queryKey.ts';
import { softCapBackward } from './softCap.ts';
import {
  quantizeBothOf,
  quantizeOf,
  quantizes,
  roundedForAttention,
  roundingOfBlock,
  type Store,
  storeOf,
} from './store.ts';

/** What is known of the output of a linear layer in the backward pass. */
interface OutputGradient {
  /** Before any of it is narrowed for matmuls: what the bias gradient sums. */
  readonly values: Float64Array;
  readonly forInput: Float64Array;
  readonly forWeight: Float64Array;
}

export interface BackwardOptions {
  /** Gradients come out multiplied by it. */
  readonly lossScale?: number;
  /** z of z (log Z)^2, which is added to the loss of each token for its gradient alone. */
  readonly zLoss?: number;
  /** Micro-batches of the step: the loss is the mean over all of them. */
  readonly accumulation?: number;
  /** Rows of logits that exist at a time, so that their gradient may have a scale of its own; absent for all. */
  readonly headRows?: number;
  /** Stored gradients of earlier micro-batches, added to; not changed. */
  readonly into?: Parameters;
}

/**
 * Gradients of every parameter, still multiplied by the loss scale, of the same lengths as the parameters
 * (padded vocabulary rows are 0). Everything a tensor gets in this micro-batch is summed in f64 and stored
 * once in role `gradient`; the GPU may store in between (tied embedding, logits in chunks of rows).
 */
export function modelBackward(
  model: ReferenceModel,
  parameters: Parameters,
  batch: Batch,
  saved: Activations,
  options: BackwardOptions = {},
): Parameters {
  const { config } = model;
  const { lossScale = 1, zLoss = 0, accumulation = 1, headRows, into } = options;
  const store = storeOf(model.recipe, model);
  const quantize = quantizeOf(model.recipe, model);
  const { B, T } = batch;
  const { width: C, vocabulary: V } = config;
  const rows = B * T;

  const gradients: Parameters = new Map();
  for (const [name, values] of parameters) {
    gradients.set(name, into?.get(name)?.slice() ?? new Float64Array(values.length));
  }
  const accumulate = (name: string, values: Float64Array) => {
    const sum = parameter(gradients, name);
    for (let i = 0; i < values.length; i++) sum[i]! += values[i]!;
  };
  const norm = (dout: Float64Array, forward: NormOutput, name: string) => {
    const { dinp, dweight, dbias } = forward.backward(dout);
    accumulate(`${name}.weight`, dweight);
    if (dbias) accumulate(`${name}.bias`, dbias);
    return dinp;
  };
  /** Accumulates dweight and dbias; returns dinp, unrounded. `dbias` is the tensor its bias sums: not the operand. */
  const linear = (
    layer: number,
    part: LinearPart,
    { saved: inp }: Pick<LayerActivations, 'saved'>,
    dout: OutputGradient,
    inputs: number,
    outputs: number,
  ) => {
    const name = `h.${layer}.${part}`;
    // Transformed operands have rows of zeros behind the last.
    const summed = dout.forWeight.length / outputs;
    accumulate(`${name}.weight`, matmulTransposedA(inp[part], dout.forWeight, inputs, outputs, summed));
    const bias = biasOf(config, name, part);
    if (bias) accumulate(bias, columnSum(dout.values, rows, outputs));
    const weight = computeWeight(model, parameters, layer, part, 'rows');
    return matmulTransposedB(dout.forInput, weight, rows, inputs, outputs);
  };
  /** The operands of `name` that are made of its output gradient: themselves, or quantised for each product. */
  const quantised = (layer: number, name: string, values: Float64Array): OutputGradient => {
    const recipe = roundingOfBlock(model.recipe, layer, config.layers);
    const options = { ...model, ...(batch.windows && { windows: batch.windows }), context: T };
    const copies = quantizeBothOf(recipe, options)('outputGradient', `${name} dY`, values, rows);
    return { values, forInput: copies.rows, forWeight: copies.columns };
  };
  /** The gradient of what was dropped of a layer's output, stored again: the residual stream's stays as it is. */
  const throughDropout = (name: string, dres: Float64Array): Float64Array =>
    batch.windows && model.dropout
      ? store('residualGradient', dropped(model.dropout, batch, name, dres, C))
      : dres;
  /**
   * The same of the residual gradient for the projection of a part of a block, of which matmuls read a rounded copy where it is
   * neither scaled nor quantised.
   */
  const operandsOf = (
    layer: number,
    part: 'attn' | 'mlp',
    sum: Float64Array,
    store: Store,
  ): OutputGradient => {
    const name = `h.${layer}.${part}.c_proj`;
    const branch = saved.layers[layer]!.branches[part];
    let dres = sum;
    if (branch) {
      const scale = `h.${layer}.${part}.scale`;
      const { dinp, dscale } = layerScaleBackward(dres, branch, parameter(parameters, scale));
      accumulate(scale, dscale);
      const dbranch = store('outputGradient', dinp);
      if (!batch.windows || !model.dropout) return quantised(layer, name, dbranch);
      dres = dbranch;
    }
    dres = throughDropout(name, dres);
    if (quantizes(roundingOfBlock(model.recipe, layer, config.layers))) return quantised(layer, name, dres);
    const rounded = store('outputGradient', dres.slice());
    return { values: dres, forInput: rounded, forWeight: rounded };
  };

  const tokens = rows * accumulation;
  const dcapped = crossEntropyBackward(
    ...([saved.logits, batch.targets, saved.lse, rows, V, lossScale, tokens, V, zLoss] as const),
  );
  const dlogitsWide = store('outputGradient', softCapBackward(dcapped, saved.logits, config.logitSoftCap));
  const dlogits = model.recipe.quantization?.head
    ? inChunks(dlogitsWide, (headRows ?? rows) * V, (chunk) =>
        quantize('outputGradient', 'lm_head dY', chunk, chunk.length / V),
      )
    : dlogitsWide;
  accumulate(headParameter(config), matmulTransposedA(dlogits, saved.lnf.out, V, C, rows));
  const dlnf = matmul(dlogits, headWeight(model, parameters), rows, C, V);
  let dres = store('residualGradient', norm(dlnf, saved.lnf, 'ln_f'));

  for (let layer = config.layers - 1; layer >= 0; layer--) {
    const h = `h.${layer}`;
    const s = saved.layers[layer]!;
    const store = storeOf(roundingOfBlock(model.recipe, layer, config.layers), model);
    const dsum = operandsOf(layer, 'mlp', dres, store);
    const dact = linear(layer, 'mlp.c_proj', s, dsum, mlpWidth(config), C);
    const dpre = store('outputGradient', ACTIVATION_FUNCTIONS[config.mlp].backward(dact, s.pre, rows));
    const dfc = quantised(layer, `${h}.mlp.c_fc`, dpre);
    const dln2 = linear(layer, 'mlp.c_fc', s, dfc, C, preActivations(config));
    dres = store('residualGradient', add(dres, norm(dln2, s.ln2, `${h}.ln_2`)));

    const dmiddle = operandsOf(layer, 'attn', dres, store);
    const { q: queries, qkv: packed } = attentionWidths(config);
    const dattn = linear(layer, 'attn.c_proj', s, dmiddle, queries, C);
    const wide = store('attention', dattn);
    const recipe = roundingOfBlock(model.recipe, layer, config.layers);
    const dout = roundedForAttention(recipe, 'dO', `${h}.attn dO`, wide, queries, model);
    const shape = attentionShape(model, batch, layer);
    let dqkv = store('attention', attentionBackward(dout, s.qkv, s.o, s.lse, shape));
    const queryKey = queryKeyOptions(config, parameters, layer);
    if (queryKey) {
      const { dqkv: before, dq, dk } = queryKeyBackward(dqkv, s.projected, shape, queryKey);
      dqkv = store('attention', before);
      if (queryKey.norm) accumulate(`${h}.attn.q_norm.weight`, dq);
      if (queryKey.norm) accumulate(`${h}.attn.k_norm.weight`, dk);
    }
    const dln1 = linear(layer, 'attn.c_attn', s, quantised(layer, `${h}.attn.c_attn`, dqkv), C, packed);
    dres = store('residualGradient', add(dres, norm(dln1, s.ln1, `${h}.ln_1`)));
  }

  const { dwte, dwpe } = embeddingBackward(throughDropout('embedding', dres), batch.tokens, B, T, C, V);
  accumulate('wte.weight', dwte);
  if (config.position === 'learned') accumulate('wpe.weight', dwpe);
  for (const values of gradients.values()) store('gradient', values);
  return gradients;
}

/** `f` of each `length` values, the last of fewer. */
function inChunks(
  values: Float64Array,
  length: number,
  f: (chunk: Float64Array) => Float64Array,
): Float64Array {
  const out = new Float64Array(values.length);
  for (let at = 0; at < values.length; at += length) out.set(f(values.subarray(at, at + length)), at);
  return out;
}
