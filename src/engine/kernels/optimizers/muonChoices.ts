/** What Muon's settings choose from: the polynomials that orthogonalise an update, and the length that it then gets. */

interface Polynomials {
  readonly title: string;
  readonly summary: string;
  /** (a, b, c) of each step, X <- a X + (b A + c A^2) X with A = X X^T. */
  readonly steps: readonly (readonly [number, number, number])[];
  /** The first X is the update divided by as many times its Frobenius norm. */
  readonly margin: number;
}

const NEWTON_SCHULZ = [3.4445, -4.775, 2.0315] as const;

const COEFFICIENTS = {
  'keller-jordan': {
    title: 'Newton-Schulz (Keller Jordan)',
    summary: 'five equal steps, after which singular values lie between 0.68 and 1.14',
    steps: [NEWTON_SCHULZ, NEWTON_SCHULZ, NEWTON_SCHULZ, NEWTON_SCHULZ, NEWTON_SCHULZ],
    margin: 1,
  },
  'polar-express': {
    title: 'Polar Express',
    summary: 'five different steps (arXiv 2505.16932), which bring small singular values closer to 1',
    steps: [
      [8.156554524902461, -22.48329292557795, 15.878769915207462],
      [4.042929935166739, -2.808917465908714, 0.5000178451051316],
      [3.8916678022926607, -2.772484153217685, 0.5060648178503393],
      [3.285753657755655, -2.3681294933425376, 0.46449024233003106],
      [2.3465413258596377, -1.7097828382687081, 0.42323551169305323],
    ],
    margin: 1.01,
  },
} as const satisfies Readonly<Record<string, Polynomials>>;

export type MuonCoefficients = keyof typeof COEFFICIENTS;
export const MUON_COEFFICIENTS: Readonly<Record<MuonCoefficients, Polynomials>> = COEFFICIENTS;

interface Scale {
  readonly title: string;
  readonly summary: string;
  /** What the orthogonalised update of a matrix (inputs, outputs) is multiplied by, besides the learning rate. */
  readonly factor: (inputs: number, outputs: number) => number;
  /** Muon's learning rate where none is given; null is AdamW's. */
  readonly rate: number | null;
}

const SCALES = {
  spectral: {
    title: 'spectral norm',
    summary: 'sqrt(max(1, outputs / inputs)), as Keller Jordan has it',
    factor: (inputs, outputs) => Math.sqrt(Math.max(1, outputs / inputs)),
    rate: 0.02,
  },
  rms: {
    title: "AdamW's root mean square",
    summary:
      '0.2 sqrt(max(inputs, outputs)), with which weights move about as far as with AdamW, whose learning rate then suits (Moonlight, arXiv 2502.16982)',
    factor: (inputs, outputs) => 0.2 * Math.sqrt(Math.max(inputs, outputs)),
    rate: null,
  },
} as const satisfies Readonly<Record<string, Scale>>;

export type MuonScale = keyof typeof SCALES;
export const MUON_SCALES: Readonly<Record<MuonScale, Scale>> = SCALES;

/** Muon's highest learning rate: the given one, or what the scale goes with. */
export function muonRate(given: number | null, scale: MuonScale, learningRate: number): number {
  return given ?? MUON_SCALES[scale].rate ?? learningRate;
}
