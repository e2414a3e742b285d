/** The functions of shaders/functions/ replayed on Approx numbers, beside their oracles. */
import { MLPS, type MlpKind } from '../../../src/engine/config/gptConfig.ts';
import {
  gelu,
  geluDerivative,
  relu2,
  relu2Derivative,
  silu,
  siluDerivative,
} from '../../../src/engine/reference/ops.ts';
import { Approx } from './approx.ts';

const SCALE = Approx.rounded(Math.sqrt(2 / Math.PI));
const CUBIC = Approx.rounded(0.044715);
const SLOPE_CUBIC = Approx.rounded(3 * 0.044715);
const ONE = new Approx(1);

/** 1 + exp(sign 2 u). Beyond |u| = 15 the kernel clamps; there tanh u is within 2e-13 of 1. */
function onePlusExp(x: Approx, sign: 1 | -1): Approx {
  const u = SCALE.mul(x.add(CUBIC.mul(x).mul(x).mul(x)));
  const clamped = Math.abs(u.value) > 15 ? new Approx(15 * Math.sign(u.value)) : u;
  return clamped
    .mul(2 * sign)
    .exp()
    .add(1);
}

const CLAMP = 2e-13;

function geluReplayed(value: number): Approx {
  const x = new Approx(value);
  const result = x.sub(x.div(onePlusExp(x, 1)));
  return new Approx(result.value, result.error + CLAMP * Math.abs(value));
}

function geluDerivativeReplayed(value: number): Approx {
  const x = new Approx(value);
  const s = ONE.div(onePlusExp(x, -1));
  const twiceSlope = SCALE.mul(2).mul(SLOPE_CUBIC.mul(x).mul(x).add(1));
  const result = s.mul(x.mul(ONE.sub(s)).mul(twiceSlope).add(1));
  return new Approx(result.value, result.error + CLAMP * (1 + value ** 4));
}

interface ReplayedFunction {
  readonly value: (x: number) => number;
  readonly derivative: (x: number) => number;
  readonly replayed: (x: number) => Approx;
  readonly derivativeReplayed: (x: number) => Approx;
}

/** The kernel clamps the argument of exp at 80, which changes what is below 80 e^-80. */
function sigmoidReplayed(value: number): Approx {
  return ONE.div(new Approx(Math.min(Math.max(-value, -80), 80)).exp().add(1));
}

function siluReplayed(value: number): Approx {
  return new Approx(value).mul(sigmoidReplayed(value));
}

function siluDerivativeReplayed(value: number): Approx {
  const s = sigmoidReplayed(value);
  return s.mul(new Approx(value).mul(ONE.sub(s)).add(1));
}

/** By file of shaders/functions/. */
const ACTIVATIONS: Readonly<Record<(typeof MLPS)[MlpKind]['function'], ReplayedFunction>> = {
  gelu: {
    value: gelu,
    derivative: geluDerivative,
    replayed: geluReplayed,
    derivativeReplayed: geluDerivativeReplayed,
  },
  relu2: {
    value: relu2,
    derivative: relu2Derivative,
    replayed: (x) => new Approx(Math.max(x, 0)).mul(Math.max(x, 0)),
    derivativeReplayed: (x) => new Approx(2 * Math.max(x, 0)),
  },
  silu: {
    value: silu,
    derivative: siluDerivative,
    replayed: siluReplayed,
    derivativeReplayed: siluDerivativeReplayed,
  },
};

export function activationOf(kind: MlpKind): ReplayedFunction {
  return ACTIVATIONS[MLPS[kind].function];
}

const SERIES = [-1 / 3, 2 / 15, -17 / 315, 62 / 2835].map((coefficient) => Approx.rounded(coefficient));

/** cap * tanh(x / cap) as shaders/lib/soft_cap.wgsl forms it; at the border of both forms the larger error. */
export function softCapReplayed(x: Approx, cap: number): Approx {
  const u = x.div(cap);
  const u2 = u.mul(u);
  const factor = SERIES.reduceRight((sum, coefficient) => sum.add(coefficient).mul(u2), new Approx(0)).add(1);
  const series = x.mul(factor);
  // The first term that the series leaves out.
  const cut = (1382 / 155925) * u.magnitude ** 10 * x.magnitude;
  const small = new Approx(-2 * Math.abs(u.value), 2 * u.error).exp();
  const far = ONE.sub(small).div(small.add(1)).mul(cap);
  const errors = [
    ...(Math.abs(u.value) - u.error < 0.25 ? [series.error + cut] : []),
    ...(Math.abs(u.value) + u.error >= 0.25 ? [far.error] : []),
  ];
  return new Approx(cap * Math.tanh(x.value / cap), Math.max(...errors));
}
