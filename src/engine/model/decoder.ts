/** The model, described once. Its plan, operations, FLOP counts and checkpoint layout are derived from building it. */
import { type GptConfig, mlpWidth } from '../config/gptConfig.ts';
import type { Tensor } from '../gpu/tensor.ts';
import { Attention } from './layers/attention.ts';
import { Embedding } from './layers/embedding.ts';
import { Head, type HeadTensors } from './layers/head.ts';
import type { Layer } from './layers/layer.ts';
import { Mlp } from './layers/mlp.ts';
import { Norm } from './layers/norm.ts';
import { mupSpecs } from './mup.ts';
import { INITIAL_STD, learnedElements, type ParameterSpec } from './parameters.ts';
import type { Pass } from './pass.ts';
import { forgetMagnitudes } from './quantize.ts';
import { Site } from './site.ts';
import type { Value } from './value.ts';

interface Block {
  readonly norm1: Norm;
  readonly attention: Attention;
  readonly norm2: Norm;
  readonly mlp: Mlp;
}

export class Decoder {
  readonly embedding: Embedding;
  readonly blocks: readonly Block[];
  readonly norm: Norm;
  readonly head: Head;
  readonly #layers: readonly Layer[];
  readonly #config: GptConfig;

  constructor(config: GptConfig) {
    this.#config = config;
    const { layers, width, tied, mlp: kind, biases, layerScale } = config;
    // The more residual layers there are, the smaller their initial weights (GPT-2).
    const projectionStd = INITIAL_STD / Math.sqrt(2 * layers);
    this.embedding = new Embedding(config);
    this.blocks = Array.from({ length: layers }, (_, block) => ({
      norm1: new Norm(new Site(block, 'ln_1'), config),
      attention: new Attention(new Site(block, 'attn'), config, projectionStd),
      norm2: new Norm(new Site(block, 'ln_2'), config),
      mlp: new Mlp(new Site(block, 'mlp'), {
        ...{ width, hidden: mlpWidth(config), kind, projectionStd, layerScale },
        bias: biases === 'all',
      }),
    }));
    this.norm = new Norm(new Site(null, 'ln_f'), config);
    this.head = new Head(config, tied ? this.embedding.tokens : null);
    const inBlocks = this.blocks.flatMap(({ norm1, attention, norm2, mlp }) => [
      norm1,
      attention,
      norm2,
      mlp,
    ]);
    this.#layers = [this.embedding, ...inBlocks, this.norm, this.head];
  }

  /** In checkpoint order. */
  parameters(): readonly ParameterSpec[] {
    const specs: ParameterSpec[] = [];
    for (const layer of this.#layers) specs.push(...layer.parameters());
    return mupSpecs(specs, this.#config);
  }

  /**
   * FLOPs per token, forward and backward: two for each multiply-add, and twice as many in the backward pass. The masked half
   * of attention is not counted.
   */
  get flopsPerToken(): number {
    return 6 * this.#layers.reduce((sum, { multiplyAdds }) => sum + multiplyAdds, 0);
  }

  /** Emits the forward and the backward pass of a micro-batch: its loss, and the gradients of all trained parameters. */
  train(pass: Pass): HeadTensors {
    const out = this.head.train(pass, this.hidden(pass));
    pass.backward();
    return out;
  }

  /** Emits the loss of each row of a micro-batch. @param sharpness (rows, 4) f32 that receives each row's sharpness, if given */
  evaluate(pass: Pass, sharpness?: Tensor): HeadTensors {
    return this.head.evaluate(pass, this.hidden(pass), sharpness);
  }

  /** Emits the logits of the token that follows the first row, (1, Vp) f32, which are returned. */
  sample(pass: Pass): Tensor {
    return this.head.sample(pass, this.hidden(pass));
  }

  /** Emits everything from the token embedding to the final norm. Returns the input of the head, (rows, C). */
  hidden(pass: Pass): Value {
    const { scales } = pass.run;
    // Current scales depend on this micro-batch alone; delayed scales collect magnitudes over all micro-batches of a step.
    if (scales?.delayed === null) pass.emit(() => forgetMagnitudes(scales));
    let x = this.embedding.forward(pass);
    for (const [index, { norm1, attention, norm2, mlp }] of this.blocks.entries()) {
      const isLast = index === this.blocks.length - 1;
      const input = x;
      x = pass.block(input.operand, isLast, () => {
        const middle = attention.forward(pass, norm1.forward(pass, input), { residual: input });
        return mlp.forward(pass, norm2.forward(pass, middle), { residual: middle });
      });
    }
    return this.norm.forward(pass, x);
  }
}

/** All parameters in checkpoint order. Vocabulary matrices have Vp rows, of which those from V on stay zero. */
export function parameterSpecs(config: GptConfig): readonly ParameterSpec[] {
  return new Decoder(config).parameters();
}

/** Number of learned values; padding rows are not counted. */
export function parameterCount(config: GptConfig): number {
  return parameterSpecs(config).reduce((sum, spec) => sum + learnedElements(spec), 0);
}

/** FLOPs per token of a model, forward and backward, as {@link Decoder.flopsPerToken} counts them. */
export function flopsPerToken(config: GptConfig): number {
  return new Decoder(config).flopsPerToken;
}
