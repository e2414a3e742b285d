/**
 * The GPT in f64 that takes a recipe and rounds where the GPU stores: every `store(role, ...)` is one store
 * of a kernel; between a load and the next store the GPU works in f32 registers, for which f64 stands here.
 */
import { type GptConfig, headSize } from '../config/gptConfig.ts';
import { streamOf } from '../core/rng.ts';
import { type AttentionShape, attentionForward } from './attention.ts';
import { crossEntropyForward } from './crossEntropy.ts';
import { dropped, type WindowPlace } from './dropout.ts';
import { embeddingForward } from './embedding.ts';
import { ACTIVATION_FUNCTIONS, NORM_FUNCTIONS, type NormOutput } from './kinds.ts';
import { add, matmul, matmulTransposedB } from './matmul.ts';
import {
  quantizeBothOf,
  quantizeOf,
  type Rounding,
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
  readonly qkv: Float64Array;
  readonly o: Float64Array;
  readonly lse: Float64Array;
  /** The residual stream between attention and MLP, as ln_2 reads it. */
  readonly x1: Float64Array;
  readonly ln2: NormOutput;
  readonly pre: Float64Array;
  readonly act: Float64Array;
}

export interface Activations {
  readonly layers: readonly LayerActivations[];
  /** The residual stream after the last layer. */
  readonly x: Float64Array;
  readonly lnf: NormOutput;
  /** (B * T, V), in f32 on the GPU: never rounded. */
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
  const inputs = part === 'mlp.c_proj' ? 4 * config.width : config.width;
  return recipe.quantization
    ? quantizeOf(recipe, options)('weight', name, master, inputs, sumsAlong)
    : storeOf(roundingOfBlock(recipe, layer === config.layers - 1), options)('weight', master.slice());
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
  return {
    ...{ B, T, H: config.heads, D: headSize(config) },
    ...(windows && rate > 0 && { windows, dropout: { rate, stream: streamOf(`h.${layer}.attn`) } }),
  };
}

function storedNorm(
  { norm, width }: GptConfig,
  x: Float64Array,
  parameters: Parameters,
  name: string,
  rows: number,
  store: Store,
  quantize: ReturnType<typeof quantizeBothOf> | undefined,
): NormOutput & { readonly saved: Float64Array } {
  const normed = NORM_FUNCTIONS[norm](x, (part) => parameter(parameters, `${name}.${part}`), rows, width);
  const out = store('activation', normed.out);
  const copies = quantize?.('activation', name, out, rows);
  return { ...normed, out: copies?.rows ?? out, saved: copies?.columns ?? out };
}

/** Loss and everything the backward pass needs. */
export function modelForward(model: ReferenceModel, parameters: Parameters, batch: Batch): Activations {
  const { config } = model;
  const store = storeOf(model.recipe, model);
  const quantize = quantizeOf(model.recipe, model);
  const quantizeBoth = quantizeBothOf(model.recipe, model);
  const { B, T } = batch;
  const { width: C, vocabulary: V } = config;
  const rows = B * T;
  const { forward: activate } = ACTIVATION_FUNCTIONS[config.mlp];
  const linear = (inp: Float64Array, layer: number, part: string, inputs: number, outputs: number) =>
    matmul(
      inp,
      computeWeight(model, parameters, layer, part, 'columns'),
      rows,
      outputs,
      inputs,
      parameter(parameters, `h.${layer}.${part}.bias`),
    );

  const drop = (place: string, values: Float64Array) => dropped(model.dropout, batch, place, values, C);

  const wte = parameter(parameters, 'wte.weight');
  const wpe = parameter(parameters, 'wpe.weight');
  let x = store('residual', drop('embedding', embeddingForward(batch.tokens, wte, wpe, B, T, C)));
  const layers: LayerActivations[] = [];
  for (let layer = 0; layer < config.layers; layer++) {
    const h = `h.${layer}`;
    const store = storeOf(roundingOfBlock(model.recipe, layer === config.layers - 1), model);
    const x0 = quantize('normInput', `${h}.ln_1 input`, x, rows);
    const ln1 = storedNorm(config, x0, parameters, `${h}.ln_1`, rows, store, quantizeBoth);
    const qkv = store('attention', linear(ln1.out, layer, 'attn.c_attn', C, 3 * C));
    const attention = attentionForward(qkv, attentionShape(model, batch, layer));
    const o = store('attention', attention.out);
    const oCopies = quantizeBoth('activation', `${h}.attn`, o, rows);
    const attended = drop(`${h}.attn.c_proj`, linear(oCopies.rows, layer, 'attn.c_proj', C, C));
    const middle = store('residual', add(x, attended));
    const x1 = quantize('normInput', `${h}.ln_2 input`, middle, rows);
    const ln2 = storedNorm(config, x1, parameters, `${h}.ln_2`, rows, store, quantizeBoth);
    const wide = store('preActivation', linear(ln2.out, layer, 'mlp.c_fc', C, 4 * C));
    const pre = quantize('preActivation', `${h}.mlp.c_fc`, wide, rows);
    const hidden = store('activation', activate(pre));
    const act = quantizeBoth('activation', `${h}.mlp.${config.mlp}`, hidden, rows);
    const saved = {
      'attn.c_attn': ln1.saved,
      'attn.c_proj': oCopies.columns,
      'mlp.c_fc': ln2.saved,
      'mlp.c_proj': act.columns,
    };
    const out = drop(`${h}.mlp.c_proj`, linear(act.rows, layer, 'mlp.c_proj', 4 * C, C));
    x = store('residual', add(middle, out));
    layers.push({ x0, ln1, saved, qkv, o, lse: attention.lse, x1, ln2, pre, act: act.rows });
  }
  const lnf = storedNorm(
    config,
    x,
    parameters,
    'ln_f',
    rows,
    store,
    model.recipe.quantization?.head ? quantizeBoth : undefined,
  );
  const logits = matmulTransposedB(lnf.out, headWeight(model, parameters), rows, V, C);
  return { layers, x, lnf, logits, ...crossEntropyForward(logits, batch.targets, rows, V) };
}
