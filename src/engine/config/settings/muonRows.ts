/** Settings of Muon: rows of the table in table.ts. Other optimizers read none of them. */
import { MUON_COEFFICIENTS, MUON_SCALES } from '../../kernels/optimizers/muonChoices.ts';
import { choice, number, summariesOf, titlesOf } from './row.ts';

const training = { group: 'training' } as const;

export const MUON_ROWS = {
  /** Highest learning rate of what Muon updates; null takes the one that goes with `muonScale`. */
  muonLearningRate: number({
    ...training,
    default: null,
    low: 0,
    high: 10,
    whole: false,
    option: 'muon-lr',
    label: "Muon's learning rate",
    help: 'highest learning rate of the matrices that Muon updates; it rises and falls as lr does',
    standard: '0.02; lr with muon-scale rms',
    compared: ['0.005', '0.01', '0.02', '0.04'],
    inPyTorch: [null],
  }),
  muonMomentum: number({
    ...training,
    default: 0.95,
    low: 0,
    high: 0.999999,
    whole: false,
    option: 'muon-momentum',
    label: "Muon's momentum",
    help: "decay rate of Muon's momentum (Nesterov)",
    compared: ['0.9', '0.95', '0.98'],
    inPyTorch: [0.95],
  }),
  muonCoefficients: choice({
    ...training,
    default: 'keller-jordan',
    option: 'muon-coefficients',
    label: "Muon's polynomials",
    help: `how Muon orthogonalises a matrix: ${summariesOf(MUON_COEFFICIENTS)}`,
    titles: titlesOf(MUON_COEFFICIENTS),
    compared: Object.keys(MUON_COEFFICIENTS),
    inPyTorch: ['keller-jordan'],
  }),
  muonScale: choice({
    ...training,
    default: 'spectral',
    option: 'muon-scale',
    label: "Muon's scale",
    help: `what the update of a matrix is multiplied by: ${summariesOf(MUON_SCALES)}`,
    titles: titlesOf(MUON_SCALES),
    compared: Object.keys(MUON_SCALES),
    inPyTorch: ['spectral'],
  }),
};
