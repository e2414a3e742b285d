import { adamw } from './adamw.ts';
import { storeMoment } from './moments.ts';
import { storeMaster, type UpdateOracle } from './update.ts';

/** Coefficients (a, b, c) of five steps, and how many times its Frobenius norm a matrix is divided by before them. */
interface Polynomials {
  readonly steps: readonly (readonly [number, number, number])[];
  readonly margin: number;
}

const JORDAN = [3.4445, -4.775, 2.0315] as const;

/** As published: Muon's Newton-Schulz of degree five, and the five steps of Polar Express that nanochat and modded-nanogpt take. */
export const POLYNOMIALS: Readonly<Record<'keller-jordan' | 'polar-express', Polynomials>> = {
  'keller-jordan': { steps: Array.from({ length: 5 }, () => JORDAN), margin: 1 },
  'polar-express': {
    steps: [
      [8.156554524902461, -22.48329292557795, 15.878769915207462],
      [4.042929935166739, -2.808917465908714, 0.5000178451051316],
      [3.8916678022926607, -2.772484153217685, 0.5060648178503393],
      [3.285753657755655, -2.3681294933425376, 0.46449024233003106],
      [2.3465413258596377, -1.7097828382687081, 0.42323551169305323],
    ],
    margin: 1.01,
  },
};

/** Every singular value of `update` (rows, columns) over its norm becomes about 1. */
export function orthogonalized(
  update: Float64Array,
  rows: number,
  columns: number,
  { steps, margin }: Polynomials,
): Float64Array {
  if (rows > columns) {
    const turned = orthogonalized(transposed(update, rows, columns), columns, rows, { steps, margin });
    return transposed(turned, columns, rows);
  }
  const norm = Math.sqrt(update.reduce((sum, x) => sum + x * x, 0));
  const start = update.map((x) => x / (margin * norm + 1e-7));
  return steps.reduce((x, [a, b, c]) => {
    const gram = product(x, transposed(x, rows, columns), rows, columns, rows);
    const square = product(gram, gram, rows, rows, rows);
    const mixed = gram.map((value, i) => b * value + c * square[i]!);
    return product(mixed, x, rows, rows, columns).map((value, i) => a * x[i]! + value);
  }, start);
}

function transposed(matrix: Float64Array, rows: number, columns: number): Float64Array {
  return Float64Array.from(matrix, (_, i) => matrix[(i % rows) * columns + Math.floor(i / rows)]!);
}

/** (m, k) by (k, n). */
function product(a: Float64Array, b: Float64Array, m: number, k: number, n: number): Float64Array {
  const out = new Float64Array(m * n);
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < k; j++) {
      const factor = a[i * k + j]!;
      for (let l = 0; l < n; l++) out[i * n + l]! += factor * b[j * n + l]!;
    }
  }
  return out;
}

export interface MuonSettings {
  readonly muonMomentum: number;
  readonly muonCoefficients: keyof typeof POLYNOMIALS;
  readonly muonScale: 'spectral' | 'rms';
  /** Muon's learning rate over that of the options. */
  readonly rateFactor: number;
}

/** A parameter (inputs, outputs) of matrices that lie side by side. */
export interface MuonShape {
  readonly rows: number;
  readonly sideBySide: readonly number[];
}

/**
 * One Muon step of the matrices in one parameter, in place: m = lerp(m, g, 1 - mu), u = lerp(g, m, mu),
 * w -= lr * (decay * w + scale * orthogonalized(u)). `v`, betas and epsilon are not used. The layout is (inputs, outputs), the
 * transpose of PyTorch's, so that its max(1, rows / columns) is max(1, outputs / inputs).
 */
export function muonOf({ rows, sideBySide }: MuonShape, settings: MuonSettings): UpdateOracle {
  const { muonMomentum: mu, muonCoefficients, muonScale, rateFactor } = settings;
  const stride = sideBySide.reduce((sum, columns) => sum + columns, 0);
  return (weight, grad, m, _v, options, store = (_role, values) => values, storage) => {
    const { weightDecay, step, gradFactor } = options;
    const rate = options.learningRate * rateFactor;
    const before = weight.slice();
    let first = 0;
    for (const columns of sideBySide) {
      const at = (i: number) => Math.floor(i / columns) * stride + first + (i % columns);
      const update = new Float64Array(rows * columns);
      for (let i = 0; i < update.length; i++) {
        const g = grad[at(i)]! * gradFactor;
        const next = mu * m[at(i)]! + (1 - mu) * g;
        m[at(i)] = next;
        update[i] = (1 - mu) * g + mu * next;
      }
      const scale =
        muonScale === 'rms'
          ? 0.2 * Math.sqrt(Math.max(rows, columns))
          : Math.sqrt(Math.max(1, columns / rows));
      const direction = orthogonalized(update, rows, columns, POLYNOMIALS[muonCoefficients]);
      for (let i = 0; i < update.length; i++) {
        const old = weight[at(i)]!;
        weight[at(i)] = old - rate * (weightDecay * old + scale * direction[i]!);
      }
      first += columns;
    }
    if (!storage) {
      store('master', weight);
      store('firstMoment', m);
      return;
    }
    storeMoment(m, 'firstMoment', storage.moments, step, storage.bits);
    storeMaster(weight, before, step, storage, store);
  };
}

/** The parameters of blocks that are matrices have Muon, all others AdamW. */
export function muonOrAdamw(
  settings: MuonSettings,
): (parameter: MuonShape & { readonly name: string }) => UpdateOracle {
  const isMatrix = (name: string) => /^h\.\d+\.(attn|mlp)\.c_\w+\.weight$/.test(name);
  return (parameter) => (isMatrix(parameter.name) ? muonOf(parameter, settings) : adamw);
}
