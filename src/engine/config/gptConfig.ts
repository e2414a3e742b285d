/**
 * The shape of a decoder: GPT-2's, Llama's and Qwen's are rows of options. Letters used everywhere: B batch, T context,
 * C width, H heads, D head size, V vocabulary (Vp padded to 128), L layers.
 */
import { EngineError, suggestion } from '../core/errors.ts';
import { readRopeScaling } from './ropeScaling.ts';

export interface GptConfig {
  readonly layers: number;
  readonly heads: number;
  readonly width: number;
  readonly context: number;
  readonly vocabulary: number;
  /** The LM head shares `wte.weight`, as in GPT-2. */
  readonly tied: boolean;
  readonly norm: NormKind;
  /** Added to the variance, or to the mean square, before the root. */
  readonly normEpsilon: number;
  readonly mlp: MlpKind;
  /** Width between the layers of the MLP; null for {@link mlpWidth}'s default. */
  readonly intermediate: number | null;
  readonly position: PositionKind;
  /** Base of RoPE's angles: base^(-2 i / D) for pair i. */
  readonly ropeBase: number;
  /** How RoPE's angles are scaled for contexts beyond the trained one: see ropeScaling.ts. */
  readonly ropeScaling: string;
  /** So many heads share a key and a value; null for as many as heads. */
  readonly keyValueHeads: number | null;
  /** Null for width / heads. */
  readonly headSize: number | null;
  /** An RMSNorm over each head of queries and keys, with a gain. */
  readonly qkNorm: boolean;
  readonly biases: BiasKind;
  /** Attention scores become cap * tanh(score / cap); 0 for no cap. */
  readonly attentionSoftCap: number;
  /** Logits become cap * tanh(logit / cap); 0 for no cap. */
  readonly logitSoftCap: number;
  /** Initial value of a learned factor for each channel that attention and MLP add to the stream; null for none. */
  readonly layerScale: number | null;
  /** Base width of muP, with which attention has a scale of its own: see mup.ts. Null or absent without muP. */
  readonly mupBase?: number | null;
}

interface KindRow {
  readonly title: string;
  /** What it does and what it is good for, as a part of a sentence. */
  readonly summary: string;
}

export const NORM_KINDS = ['layernorm', 'rmsnorm'] as const;
export type NormKind = (typeof NORM_KINDS)[number];

interface NormRow extends KindRow {
  readonly bias: boolean;
  /** Of its kernels. */
  readonly conditions: Readonly<Record<string, boolean>>;
}

export const NORMS: Readonly<Record<NormKind, NormRow>> = {
  layernorm: {
    title: 'layer norm',
    summary: "subtracts the mean of a token's channels and has a bias, as in GPT-2",
    bias: true,
    conditions: {},
  },
  rmsnorm: {
    title: 'RMSNorm',
    summary: 'only divides by their root mean square and has no bias, as in Llama: less to compute',
    bias: false,
    conditions: { rms: true },
  },
};

/** What lies between the two layers of the MLP. */
export const MLP_KINDS = ['gelu', 'relu2', 'swiglu', 'geglu'] as const;
export type MlpKind = (typeof MLP_KINDS)[number];

interface MlpRow extends KindRow {
  /** The activation function, a file of shaders/functions/. */
  readonly function: 'gelu' | 'relu2' | 'silu';
  /** Whether the first layer has as many outputs again, by which the activation is multiplied. */
  readonly gated: boolean;
}

export const MLPS: Readonly<Record<MlpKind, MlpRow>> = {
  gelu: {
    title: 'GELU',
    summary: 'is smooth, as in GPT-2',
    function: 'gelu',
    gated: false,
  },
  relu2: {
    title: 'ReLU²',
    summary: 'is max(x, 0) squared: cheap to compute, and exactly zero for every negative input',
    function: 'relu2',
    gated: false,
  },
  swiglu: {
    title: 'SwiGLU',
    summary: 'multiplies one half of the first layer through SiLU by the other, as in Llama',
    function: 'silu',
    gated: true,
  },
  geglu: {
    title: 'GeGLU',
    summary: 'does so through GELU, as in Gemma',
    function: 'gelu',
    gated: true,
  },
};

/** How a token's position enters the model. */
export const POSITION_KINDS = ['learned', 'rope'] as const;
export type PositionKind = (typeof POSITION_KINDS)[number];

export const POSITIONS: Readonly<Record<PositionKind, KindRow>> = {
  learned: {
    title: 'learned positions',
    summary: 'add a learned vector for each position to the token embedding, as in GPT-2',
  },
  rope: {
    title: 'RoPE',
    summary: 'rotates queries and keys by angles that grow with the position, as in Llama',
  },
};

/** Which linear layers have a bias. */
export const BIAS_KINDS = ['all', 'qkv', 'none'] as const;
export type BiasKind = (typeof BIAS_KINDS)[number];

export const BIASES: Readonly<Record<BiasKind, KindRow>> = {
  all: { title: 'biases everywhere', summary: 'gives every linear layer one, as GPT-2' },
  qkv: {
    title: 'biases of q, k, v',
    summary: 'gives one only to queries, keys and values, as Qwen 2',
  },
  none: { title: 'no biases', summary: 'gives none, as Llama' },
};

/** The options that GPT-2 has, and every model whose file, link or record names none. */
export const GPT2_KINDS = {
  norm: 'layernorm',
  normEpsilon: 1e-5,
  mlp: 'gelu',
  intermediate: null,
  position: 'learned',
  ropeBase: 10_000,
  ropeScaling: 'none',
  keyValueHeads: null,
  headSize: null,
  qkNorm: false,
  biases: 'all',
  attentionSoftCap: 0,
  logitSoftCap: 0,
  layerScale: null,
} as const satisfies Partial<GptConfig>;
export type ModelKind = keyof typeof GPT2_KINDS;
export type ModelKinds = Pick<GptConfig, ModelKind>;

const MODEL_KINDS = Object.keys(GPT2_KINDS) as readonly ModelKind[];

export function isModelKind(name: string): name is ModelKind {
  return Object.hasOwn(GPT2_KINDS, name);
}

/** The options of a model's structure among other settings; GPT-2's where there are none. */
export function modelKinds(settings: Partial<ModelKinds>): ModelKinds {
  return Object.fromEntries(
    MODEL_KINDS.map((kind) => [kind, settings[kind] === undefined ? GPT2_KINDS[kind] : settings[kind]]),
  ) as unknown as ModelKinds;
}

/** What each option adds to the description of a model. */
const DESCRIPTIONS: { readonly [Kind in ModelKind]: (value: GptConfig[Kind]) => string } = {
  norm: (norm) => NORMS[norm]?.title ?? `norm ${norm}`,
  normEpsilon: (epsilon) => `norm epsilon ${epsilon}`,
  mlp: (mlp) => MLPS[mlp]?.title ?? `mlp ${mlp}`,
  intermediate: (width) => `MLP width ${width}`,
  position: (position) => POSITIONS[position]?.title ?? `position ${position}`,
  ropeBase: (base) => `RoPE base ${base}`,
  ropeScaling: (scaling) => `RoPE scaling ${scaling}`,
  keyValueHeads: (heads) => `${heads} key/value heads`,
  headSize: (size) => `head size ${size}`,
  qkNorm: () => 'QK-norm',
  biases: (biases) => BIASES[biases]?.title ?? `biases ${biases}`,
  attentionSoftCap: (cap) => `attention scores capped at ${cap}`,
  logitSoftCap: (cap) => `logits capped at ${cap}`,
  layerScale: (value) => `layer scale from ${value}`,
};

/** ", RMSNorm, ReLU²": what a model has that GPT-2 does not, after its shape; empty for GPT-2's. */
export function otherKinds(model: Partial<ModelKinds>): string {
  const kinds = modelKinds(model);
  const describe = DESCRIPTIONS as Readonly<Record<ModelKind, (value: unknown) => string>>;
  return MODEL_KINDS.filter((kind) => kinds[kind] !== GPT2_KINDS[kind])
    .map((kind) => `, ${describe[kind](kinds[kind])}`)
    .join('');
}

export interface Range {
  readonly low: number;
  readonly high: number;
  readonly whole: boolean;
}

/** What each dimension may be on its own. */
export const SHAPE_RANGES = {
  layers: { low: 1, high: 1024, whole: true },
  heads: { low: 1, high: 4096, whole: true },
  width: { low: 1, high: 65_536, whole: true },
  context: { low: 1, high: 1 << 20, whole: true },
  vocabulary: { low: 1, high: 1 << 20, whole: true },
} as const satisfies Record<string, Range>;
export type Dimension = keyof typeof SHAPE_RANGES;

/** The vocabulary is padded so that every matmul sees whole tiles; padded logits are masked. */
export const VOCABULARY_PADDING = 128;

export function paddedVocabulary(config: GptConfig): number {
  return Math.ceil(config.vocabulary / VOCABULARY_PADDING) * VOCABULARY_PADDING;
}

export function headSize({
  headSize,
  width,
  heads,
}: Pick<GptConfig, 'headSize' | 'width' | 'heads'>): number {
  return headSize ?? width / heads;
}

/** Key/value heads. */
export function keyValueHeads({ keyValueHeads, heads }: GptConfig): number {
  return keyValueHeads ?? heads;
}

/** A multiple of which the default width of a gated MLP is. */
const GATED_WIDTH_STEP = 32;

/**
 * Width between the two layers of an MLP, I. By default 4 C; 8/3 C where it is gated, so that its three matrices have as many
 * elements as the two.
 */
export function mlpWidth({
  width,
  mlp,
  intermediate,
}: Pick<GptConfig, 'width' | 'mlp' | 'intermediate'>): number {
  if (intermediate !== null) return intermediate;
  return MLPS[mlp].gated ? Math.ceil((8 * width) / 3 / GATED_WIDTH_STEP) * GATED_WIDTH_STEP : 4 * width;
}

/** Number of heads to assume for a width when no file states it: heads of width 64, as in GPT-2. */
export function usualHeads(width: number): number {
  return Math.max(1, Math.round(width / 64));
}

/** Whether a model can be trained with a shorter context than its own: it can where positions are not learned one by one. */
export function hasFreeContext({ position }: Pick<GptConfig, 'position'>): boolean {
  return position !== 'learned';
}

/**
 * Refuses shapes that no kernel can run.
 * @throws EngineError BAD_SHAPE naming the dimension, what it is and what would do; BAD_VALUE naming an unknown kind
 */
export function checkShape(config: GptConfig): void {
  checkKind('norm', config.norm, NORM_KINDS);
  checkKind('mlp', config.mlp, MLP_KINDS);
  checkKind('position', config.position, POSITION_KINDS);
  checkKind('biases', config.biases, BIAS_KINDS);
  readRopeScaling(config.ropeScaling);
  for (const dimension of Object.keys(SHAPE_RANGES) as Dimension[]) {
    checkDimension(dimension, config[dimension]);
  }
  const { intermediate } = config;
  if (intermediate !== null && intermediate % 4 !== 0) {
    throw new EngineError(
      'BAD_SHAPE',
      `intermediate is ${intermediate}, which is not divisible by 4.`,
      `Tensors are stored four elements at a time. Use ${nearestMultiple(intermediate, 4)}.`,
    );
  }
  checkHeads(config);
}

/** Layers that work on a head in halves read each as vectors of four. */
const HALVES = 8;

function checkHeads(config: GptConfig): void {
  const { width, heads, position, qkNorm } = config;
  const groups = keyValueHeads(config);
  if (!(Number.isInteger(groups) && groups > 0 && heads % groups === 0)) {
    throw new EngineError(
      'BAD_SHAPE',
      `${heads} heads cannot share ${groups} key/value heads evenly.`,
      'The number of key/value heads must divide the number of heads.',
    );
  }
  const size = headSize(config);
  const isOwn = config.headSize !== null;
  if (!isOwn && width % heads !== 0) {
    throw new EngineError(
      'BAD_SHAPE',
      `Width ${width} is not divisible by ${heads} heads.`,
      `Use width ${nearestMultiple(width, 4 * heads)}, or another number of heads.`,
    );
  }
  if (width % 4 !== 0) {
    throw new EngineError(
      'BAD_SHAPE',
      `Width ${width} is not divisible by 4.`,
      `Tensors are stored four elements at a time. Use width ${nearestMultiple(width, 4)}.`,
    );
  }
  const named = isOwn ? `Head size ${size}` : `Head size ${size} (width ${width} / ${heads} heads)`;
  const use = (multiple: number) =>
    isOwn
      ? `head size ${nearestMultiple(size, multiple)}`
      : `width ${nearestMultiple(width, multiple * heads)}`;
  if (size % 4 !== 0) {
    throw new EngineError(
      'BAD_SHAPE',
      `${named} is not divisible by 4.`,
      `Tensors are stored four elements at a time. Use ${use(4)}.`,
    );
  }
  if ((position === 'rope' || qkNorm) && size % HALVES !== 0) {
    throw new EngineError(
      'BAD_SHAPE',
      `${named} is not divisible by ${HALVES}, which RoPE and QK-norm need.`,
      `Use ${use(HALVES)}, or learned positions without QK-norm.`,
    );
  }
  if (size > 256) {
    throw new EngineError(
      'BAD_SHAPE',
      `Head size ${size} is above 256.`,
      isOwn ? 'Use a smaller one.' : `Use at least ${Math.ceil(width / 256)} heads.`,
    );
  }
}

function checkKind(option: string, kind: string, kinds: readonly string[]): void {
  if (kinds.includes(kind)) return;
  throw new EngineError('BAD_VALUE', `There is no ${option} "${kind}".`, suggestion(kind, kinds));
}

/** @throws EngineError BAD_SHAPE when a dimension is outside its range, whatever the others are */
export function checkDimension(dimension: Dimension, value: number): void {
  const { low, high } = SHAPE_RANGES[dimension];
  if (Number.isInteger(value) && value >= low && value <= high) return;
  throw new EngineError(
    'BAD_SHAPE',
    `${dimension} is ${value}.`,
    `It must be a whole number from ${low} to ${high}.`,
  );
}

function nearestMultiple(value: number, of: number): number {
  return Math.max(of, Math.round(value / of) * of);
}
