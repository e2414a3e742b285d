/**
 * The GPT in f64 that takes a recipe and rounds where the GPU stores: every `store(role, ...)` is one store
 * of a kernel; between a load and the next store the GPU works in f32 registers, for which f64 stands here.
 */
import { type GptConfig, headSize, keyValueHeads, MLPS, mlpWidth } from '../config/gptConfig.ts';
import { readRopeScaling } from '../config/ropeScaling.ts';
import { streamOf } from '../core/rng.ts';
import type { SmoothSwiglu } from '../precision/smoothSwiglu.ts';
import { type AttentionShape, attentionForward } from './attention.ts';
import { crossEntropyForward } from './crossEntropy.ts';
import { dropped, type WindowPlace } from './dropout.ts';
import { embeddingForward } from './embedding.ts';
import { ACTIVATION_FUNCTIONS, NORM_FUNCTIONS, type NormOutput } from './kinds.ts';
import { layerScaleForward } from './layerScale.ts';
import { add, matmul, matmulTransposedB } from './matmul.ts';
import { type QueryKeyOptions, queryKeyForward } from './queryKey.ts';
import { smoothFactors } from './smooth.ts';
import { softCapForward } from './softCap.ts';
import {
  quantizeBothOf,
  quantizeOf,
  quantizes,
  type Rounding,
  roundedForAttention,
  roundingOfBlock,
  type Store,
  type StoreOptions,
  storeOf,
} from './store.ts';

/**
 * Master values or gradients by GPT-2 name, in the layouts of `parameterSpecs`. Vocabulary matrices may have V or Vp
 * rows: only the first V are read. Values are taken as stored in role `master`.
 */
export type Parameters = Map<string, Float64Array>;

export interface ReferenceModel extends StoreOptions {
  readonly config: GptConfig;
  readonly recipe: Rounding;
  /** Share that is set to zero in batches with {@link Batch.windows}; 0 where left out. */
  readonly dropout?: number;
  /** How the product of a gated MLP is scaled before it is quantised; off where left out. */
  readonly smoothSwiglu?: SmoothSwiglu;
}

export type LinearPart = 'attn.c_attn' | 'attn.c_proj' | 'mlp.c_fc' | 'mlp.c_proj';

/** One micro-batch: tokens and targets (B, T), T at most the context. */
export interface Batch {
  readonly tokens: ArrayLike<number>;
  readonly targets: ArrayLike<number>;
  readonly B: number;
  readonly T: number;
  /** One a window, of a batch that is trained on: what dropout drops follows from it. */
  readonly windows?: readonly WindowPlace[];
}

/** What a layer keeps for its backward pass, as stored. Matrices are (B * T, columns). */
export interface LayerActivations {
  /** The residual stream where the layer begins, as ln_1 reads it. */
  readonly x0: Float64Array;
  readonly ln1: NormOutput;
  /** By the linear layer that reads it: its input as the weight gradient reads it. */
  readonly saved: Readonly<Record<LinearPart, Float64Array>>;
  /** As the projection left it. */
  readonly projected: Float64Array;
  /** As attention reads it. */
  readonly qkv: Float64Array;
  readonly o: Float64Array;
  readonly lse: Float64Array;
  /** The residual stream between attention and MLP, as ln_2 reads it. */
  readonly x1: Float64Array;
  readonly ln2: NormOutput;
  /** (B * T, I), or (B * T, 2 I) of a gated MLP. */
  readonly pre: Float64Array;
  readonly act: Float64Array;
  /** With layer scale: what attention and MLP add to the stream, before it is scaled. */
  readonly branches: { readonly attn?: Float64Array; readonly mlp?: Float64Array };
}

export interface Activations {
  readonly layers: readonly LayerActivations[];
  /** The residual stream after the last layer. */
  readonly x: Float64Array;
  readonly lnf: NormOutput;
  /** (B * T, V), capped, in f32 on the GPU: never rounded. */
  readonly logits: Float64Array;
  /** (B * T): log-sum-exp of the logits. */
  readonly lse: Float64Array;
  /** (B * T) */
  readonly losses: Float64Array;
  /** Mean cross entropy, nats. */
  readonly loss: number;
}

/** The parameter called `name`. Throws Error naming it when it is missing. */
export function parameter(parameters: Parameters, name: string): Float64Array {
  const values = parameters.get(name);
  if (!values) throw new Error(`reference model: no parameter "${name}"`);
  return values;
}

/**
 * The compute copy of a block's matmul weight, (inputs, outputs): the master rounded to the block's weight format, or quantised
 * for products that sum along its columns (forward) or its rows (backward).
 */
export function computeWeight(
  { config, recipe, ...options }: ReferenceModel,
  parameters: Parameters,
  layer: number,
  part: string,
  sumsAlong: 'rows' | 'columns',
): Float64Array {
  const name = `h.${layer}.${part}.weight`;
  const master = parameter(parameters, name);
  const { heads, width } = config;
  const inputs =
    { 'mlp.c_proj': mlpWidth(config), 'attn.c_proj': heads * headSize(config) }[part as string] ?? width;
  const own = roundingOfBlock(recipe, layer, config.layers);
  return quantizes(own)
    ? quantizeOf(own, options)('weight', name, master, inputs, sumsAlong)
    : storeOf(own, options)('weight', master.slice());
}

/** Name of the matrix the LM head multiplies with. */
export function headParameter({ tied }: GptConfig): string {
  return tied ? 'wte.weight' : 'lm_head.weight';
}

/** The first V rows of the LM head's matrix, rounded as a matmul weight, or quantised. */
export function headWeight(
  { config, recipe, ...options }: ReferenceModel,
  parameters: Parameters,
): Float64Array {
  const name = headParameter(config);
  const values = parameter(parameters, name).slice(0, config.vocabulary * config.width);
  return recipe.quantization?.head
    ? quantizeOf(recipe, options)('weight', name, values, config.vocabulary)
    : storeOf(recipe, options)('weight', values);
}

/** @param layer the block, whose attention drops probabilities of its own */
export function attentionShape(
  { config, dropout: rate = 0 }: ReferenceModel,
  { B, T, windows }: Batch,
  layer: number,
): AttentionShape {
  const { heads: H, attentionSoftCap: softCap } = config;
  return {
    ...{ B, T, H, D: headSize(config), G: keyValueHeads(config) },
    ...((config.mupBase ?? null) !== null && { scale: 8 / headSize(config) }),
    ...(softCap > 0 && { softCap }),
    ...(windows && rate > 0 && { windows, dropout: { rate, stream: streamOf(`h.${layer}.attn`) } }),
  };
}

/** Columns of the queries, and of q, k and v together. */
export function attentionWidths(config: GptConfig): { readonly q: number; readonly qkv: number } {
  const [size, heads] = [headSize(config), config.heads];
  return { q: heads * size, qkv: (heads + 2 * keyValueHeads(config)) * size };
}

/** What a block does to q and k before attention; null where that is nothing. */
export function queryKeyOptions(
  { position, ropeBase: base, ropeScaling, qkNorm, normEpsilon: epsilon }: GptConfig,
  parameters: Parameters,
  layer: number,
): QueryKeyOptions | null {
  if (position !== 'rope' && !qkNorm) return null;
  const gain = (part: string) => parameter(parameters, `h.${layer}.attn.${part}.weight`);
  return {
    rope: position === 'rope' ? { base, scaling: readRopeScaling(ropeScaling) } : null,
    norm: qkNorm ? { q: gain('q_norm'), k: gain('k_norm'), epsilon } : null,
  };
}

function storedNorm(
  { norm, width, normEpsilon }: GptConfig,
  x: Float64Array,
  parameters: Parameters,
  name: string,
  rows: number,
  store: Store,
  quantize: ReturnType<typeof quantizeBothOf> | undefined,
): NormOutput & { readonly saved: Float64Array } {
  const normed = NORM_FUNCTIONS[norm](
    x,
    (part) => parameter(parameters, `${name}.${part}`),
    rows,
    width,
    normEpsilon,
  );
  const out = store('activation', normed.out);
  const copies = quantize?.('activation', name, out, rows);
  return { ...normed, out: copies?.rows ?? out, saved: copies?.columns ?? out };
}

/** Outputs of the MLP's first layer. */
export function preActivations(config: GptConfig): number {
  return (MLPS[config.mlp].gated ? 2 : 1) * mlpWidth(config);
}

/** The bias of a block's linear layer; undefined where the model has none. */
export function biasOf({ biases }: GptConfig, name: string, part: LinearPart): string | undefined {
  const has = biases === 'all' || (biases === 'qkv' && part === 'attn.c_attn');
  return has ? `${name}.bias` : undefined;
}

/** Loss and everything the backward pass needs. */
export function modelForward(model: ReferenceModel, parameters: Parameters, batch: Batch): Activations {
  const { config } = model;
  const store = storeOf(model.recipe, model);
  const { B, T } = batch;
  const { width: C, vocabulary: V } = config;
  const rows = B * T;
  const { forward: activate } = ACTIVATION_FUNCTIONS[config.mlp];
  const hiddenWidth = mlpWidth(config);
  const linear = (inp: Float64Array, layer: number, part: LinearPart, inputs: number, outputs: number) => {
    const bias = biasOf(config, `h.${layer}.${part}`, part);
    const weight = computeWeight(model, parameters, layer, part, 'columns');
    return matmul(
      inp,
      weight,
      rows,
      outputs,
      inputs,
      bias === undefined ? undefined : parameter(parameters, bias),
    );
  };

  /** What a part of a block adds to the stream: the output of its projection, times the learned scale if there is one. */
  const scaled = (layer: number, part: 'attn' | 'mlp', out: Float64Array, store: Store) => {
    if (config.layerScale === null) return { added: out };
    const branch = store('activation', out);
    const added = layerScaleForward(branch, parameter(parameters, `h.${layer}.${part}.scale`));
    return { added, branch: { [part]: branch } };
  };

  const drop = (place: string, values: Float64Array) => dropped(model.dropout, batch, place, values, C);

  const wte = parameter(parameters, 'wte.weight');
  const wpe = config.position === 'learned' ? parameter(parameters, 'wpe.weight') : null;
  const { q: queries, qkv: packed } = attentionWidths(config);
  let x = store('residual', drop('embedding', embeddingForward(batch.tokens, wte, wpe, B, T, C)));
  const layers: LayerActivations[] = [];
  for (let layer = 0; layer < config.layers; layer++) {
    const h = `h.${layer}`;
    const recipe = roundingOfBlock(model.recipe, layer, config.layers);
    const store = storeOf(recipe, model);
    const quantize = quantizeOf(recipe, model);
    const quantizeBoth = quantizeBothOf(recipe, model);
    const x0 = quantize('normInput', `${h}.ln_1 input`, x, rows);
    const ln1 = storedNorm(config, x0, parameters, `${h}.ln_1`, rows, store, quantizeBoth);
    const projected = store('attention', linear(ln1.out, layer, 'attn.c_attn', C, packed));
    const queryKey = queryKeyOptions(config, parameters, layer);
    const shape = attentionShape(model, batch, layer);
    const prepared = queryKey ? store('attention', queryKeyForward(projected, shape, queryKey)) : projected;
    const qkv = roundedForAttention(recipe, 'qkv', `${h}.attn qkv`, prepared, packed, model);
    const attention = attentionForward(qkv, shape);
    const o = store('attention', attention.out);
    const oCopies = quantizeBoth('activation', `${h}.attn`, o, rows);
    const branch = drop(`${h}.attn.c_proj`, linear(oCopies.rows, layer, 'attn.c_proj', queries, C));
    const attended = scaled(layer, 'attn', branch, store);
    const middle = store('residual', add(x, attended.added));
    const x1 = quantize('normInput', `${h}.ln_2 input`, middle, rows);
    const ln2 = storedNorm(config, x1, parameters, `${h}.ln_2`, rows, store, quantizeBoth);
    const wide = store('preActivation', linear(ln2.out, layer, 'mlp.c_fc', C, preActivations(config)));
    const pre = quantize('preActivation', `${h}.mlp.c_fc`, wide, rows);
    const hidden = store('activation', activate(pre, rows));
    const factors = smoothFactors(MLPS[config.mlp].gated ? pre : [], rows, model.smoothSwiglu ?? 'off');
    const smooth = (values: Float64Array, power: 1 | -1) =>
      factors.length === 0 ? values : values.map((x, i) => x * factors[i]! ** power);
    const smoothed = quantizeBoth('activation', `${h}.mlp.${config.mlp}`, smooth(hidden, -1), rows);
    const act = { rows: smooth(smoothed.rows, 1), columns: smooth(smoothed.columns, 1) };
    const saved = {
      'attn.c_attn': ln1.saved,
      'attn.c_proj': oCopies.columns,
      'mlp.c_fc': ln2.saved,
      'mlp.c_proj': act.columns,
    };
    const out = drop(`${h}.mlp.c_proj`, linear(act.rows, layer, 'mlp.c_proj', hiddenWidth, C));
    const mlp = scaled(layer, 'mlp', out, store);
    x = store('residual', add(middle, mlp.added));
    const branches = { ...attended.branch, ...mlp.branch };
    const ofAttention = { projected, qkv, o, lse: attention.lse };
    layers.push({ x0, ln1, saved, ...ofAttention, x1, ln2, pre, act: act.rows, branches });
  }
  const lnf = storedNorm(
    config,
    x,
    parameters,
    'ln_f',
    rows,
    store,
    model.recipe.quantization?.head ? quantizeBothOf(model.recipe, model) : undefined,
  );
  const uncapped = matmulTransposedB(lnf.out, headWeight(model, parameters), rows, V, C);
  const logits = softCapForward(uncapped, config.logitSoftCap);
  return { layers, x, lnf, logits, ...crossEntropyForward(logits, batch.targets, rows, V) };
}
