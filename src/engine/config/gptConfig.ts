/**
 * The shape of a GPT-2. Letters used everywhere: B batch, T context, C width, H heads, D = C / H head
 * size, V vocabulary (Vp padded to 128), L layers.
 */
import { EngineError, suggestion } from '../core/errors.ts';

export interface GptConfig {
  readonly layers: number;
  readonly heads: number;
  readonly width: number;
  readonly context: number;
  readonly vocabulary: number;
  /** The LM head shares `wte.weight`, as in GPT-2. */
  readonly tied: boolean;
  readonly norm: NormKind;
  readonly mlp: MlpKind;
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
  /** Whether GPT-2 of Hugging Face's transformers can have it. */
  readonly exported: boolean;
}

export const NORMS: Readonly<Record<NormKind, NormRow>> = {
  layernorm: {
    title: 'layer norm',
    summary: "subtracts the mean of a token's channels and has a bias, as in GPT-2",
    bias: true,
    conditions: {},
    exported: true,
  },
  rmsnorm: {
    title: 'RMSNorm',
    summary: 'only divides by their root mean square and has no bias, as in Llama: less to compute',
    bias: false,
    conditions: { rms: true },
    exported: false,
  },
};

/** The activation function between the two layers of the MLP: a file of shaders/functions/ each. */
export const MLP_KINDS = ['gelu', 'relu2'] as const;
export type MlpKind = (typeof MLP_KINDS)[number];

interface MlpRow extends KindRow {
  /** Names that `activation_function` of a config.json has for it; the first is written. */
  readonly names: readonly [string, ...string[]];
}

export const MLPS: Readonly<Record<MlpKind, MlpRow>> = {
  gelu: {
    title: 'GELU',
    summary: 'is smooth, as in GPT-2',
    names: ['gelu_new', 'gelu_pytorch_tanh'],
  },
  relu2: {
    title: 'ReLU²',
    summary: 'is max(x, 0) squared: cheap to compute, and exactly zero for every negative input',
    names: ['relu2'],
  },
};

/** The kinds that GPT-2 has, and every model whose file, link or record names none. */
export const GPT2_KINDS = { norm: 'layernorm', mlp: 'gelu' } as const satisfies Partial<GptConfig>;

/** ", RMSNorm, ReLU²": what a model has that GPT-2 does not, after its shape; empty for GPT-2's. */
export function otherKinds({ norm, mlp }: Pick<GptConfig, 'norm' | 'mlp'>): string {
  const others = [
    ...(norm === GPT2_KINDS.norm ? [] : [NORMS[norm].title]),
    ...(mlp === GPT2_KINDS.mlp ? [] : [MLPS[mlp].title]),
  ];
  return others.map((title) => `, ${title}`).join('');
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

export function headSize(config: GptConfig): number {
  return config.width / config.heads;
}

/** Width between the two layers of an MLP. */
export function mlpWidth({ width }: Pick<GptConfig, 'width'>): number {
  return 4 * width;
}

/**
 * Refuses shapes that no kernel can run.
 * @throws EngineError BAD_SHAPE naming the dimension, what it is and what would do; BAD_VALUE naming an unknown kind
 */
export function checkShape(config: GptConfig): void {
  checkKind('norm', config.norm, NORM_KINDS);
  checkKind('mlp', config.mlp, MLP_KINDS);
  for (const dimension of Object.keys(SHAPE_RANGES) as Dimension[]) {
    checkDimension(dimension, config[dimension]);
  }
  const { width, heads } = config;
  if (width % heads !== 0) {
    const fits = nearestMultiple(width, 4 * heads);
    throw new EngineError(
      'BAD_SHAPE',
      `Width ${width} is not divisible by ${heads} heads.`,
      `Use width ${fits}, or another number of heads.`,
    );
  }
  if ((width / heads) % 4 !== 0) {
    throw new EngineError(
      'BAD_SHAPE',
      `Head size ${width / heads} (width ${width} / ${heads} heads) is not divisible by 4.`,
      `Tensors are stored four elements at a time. Use width ${nearestMultiple(width, 4 * heads)}.`,
    );
  }
  if (width / heads > 256) {
    throw new EngineError(
      'BAD_SHAPE',
      `Head size ${width / heads} is above 256.`,
      `Use at least ${Math.ceil(width / 256)} heads.`,
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
