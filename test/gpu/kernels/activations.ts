/** The functions of shaders/functions/ replayed on Approx numbers, beside their oracles. */
import type { MlpKind } from '../../../src/engine/config/gptConfig.ts';
import { gelu, geluDerivative, relu2, relu2Derivative } from '../../../src/engine/reference/ops.ts';
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

export const ACTIVATIONS: Readonly<Record<MlpKind, ReplayedFunction>> = {
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
};
