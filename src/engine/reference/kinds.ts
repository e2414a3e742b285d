/** The functions of each kind of norm and MLP. */
import type { MlpKind, NormKind } from '../config/gptConfig.ts';
import { gatedBackward, gatedForward, silu, siluDerivative } from './gated.ts';
import { gelu, geluBackward, geluDerivative, geluForward } from './gelu.ts';
import { type LayernormGradients, layernormBackward, layernormForward } from './layernorm.ts';
import { relu2Backward, relu2Forward } from './relu2.ts';
import { rmsnormBackward, rmsnormForward } from './rmsnorm.ts';
import type { Values } from './store.ts';

interface ActivationFunction {
  /** (rows, I) of inp (rows, I), or (rows, 2 I) where it is gated. */
  forward(inp: Values, rows: number): Float64Array;
  /** dinp, `inp` as it was stored. */
  backward(dout: Values, inp: Values, rows: number): Float64Array;
}

function gated(f: (x: number) => number, derivative: (x: number) => number): ActivationFunction {
  return {
    forward: (inp, rows) => gatedForward(inp, rows, f),
    backward: (dout, inp, rows) => gatedBackward(dout, inp, rows, f, derivative),
  };
}

export const ACTIVATION_FUNCTIONS: Readonly<Record<MlpKind, ActivationFunction>> = {
  gelu: { forward: geluForward, backward: geluBackward },
  relu2: { forward: relu2Forward, backward: relu2Backward },
  swiglu: gated(silu, siluDerivative),
  geglu: gated(gelu, geluDerivative),
};

/** (rows, C), and what its backward pass needs besides the input. */
export interface NormOutput {
  readonly out: Float64Array;
  /** (rows) each, in f32 on the GPU: never rounded. */
  readonly stats: readonly Float64Array[];
  backward(dout: Values): Omit<LayernormGradients, 'dbias'> & Partial<LayernormGradients>;
}

/** @param parameter `weight` or `bias` of the norm */
type NormFunction = (
  inp: Float64Array,
  parameter: (part: string) => Float64Array,
  rows: number,
  C: number,
  epsilon: number,
) => NormOutput;

export const NORM_FUNCTIONS: Readonly<Record<NormKind, NormFunction>> = {
  layernorm(inp, parameter, rows, C, epsilon) {
    const gain = parameter('weight');
    const { out, mean, rstd } = layernormForward(inp, gain, parameter('bias'), rows, C, epsilon);
    const stats = [mean, rstd];
    return { out, stats, backward: (dout) => layernormBackward(dout, inp, gain, mean, rstd, rows, C) };
  },
  rmsnorm(inp, parameter, rows, C, epsilon) {
    const gain = parameter('weight');
    const { out, rms } = rmsnormForward(inp, gain, rows, C, epsilon);
    return { out, stats: [rms], backward: (dout) => rmsnormBackward(dout, inp, gain, rms, rows, C) };
  },
};
