import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { normalAt } from '../../../src/engine/core/rng.ts';
import { MUON_COEFFICIENTS } from '../../../src/engine/kernels/optimizers/muonChoices.ts';
import { muonOf, orthogonalized, POLYNOMIALS } from '../../../src/engine/reference/muon.ts';

const gaussian = (count: number, seed: number) =>
  Float64Array.from({ length: count }, (_, i) => normalAt(i, seed));

/** What five steps make of one singular value. */
const mapped = (x: number, which: keyof typeof POLYNOMIALS) =>
  POLYNOMIALS[which].steps.map(
    (
      (value) =>
      ([a, b, c]: readonly [number, number, number]) => {
        value = a * value + b * value ** 3 + c * value ** 5;
        return value;
      }
    )(x),
  );

/** Singular values of a (rows, columns) matrix with rows <= columns, ascending, by one-sided Jacobi rotations of its rows. */
function singularValues(matrix: Float64Array, rows: number, columns: number): number[] {
  const x = Array.from({ length: rows }, (_, i) => matrix.slice(i * columns, (i + 1) * columns));
  const dot = (a: Float64Array, b: Float64Array) => a.reduce((sum, value, i) => sum + value * b[i]!, 0);
  for (let sweep = 0; sweep < 12; sweep++) {
    for (let p = 0; p < rows; p++) {
      for (let q = p + 1; q < rows; q++) {
        const [a, b] = [x[p]!, x[q]!];
        const [alpha, beta, gamma] = [dot(a, a), dot(b, b), dot(a, b)];
        if (Math.abs(gamma) <= 1e-15 * Math.sqrt(alpha * beta)) continue;
        const zeta = (beta - alpha) / (2 * gamma);
        const t = Math.sign(zeta || 1) / (Math.abs(zeta) + Math.sqrt(1 + zeta * zeta));
        const cos = 1 / Math.sqrt(1 + t * t);
        for (let i = 0; i < columns; i++) {
          const [u, v] = [a[i]!, b[i]!];
          a[i] = cos * (u - t * v);
          b[i] = cos * (t * u + v);
        }
      }
    }
  }
  return x.map((row) => Math.sqrt(dot(row, row))).sort((a, b) => a - b);
}

it('the kernels have the coefficients of the oracle', () => {
  expect(Object.keys(MUON_COEFFICIENTS)).toEqual(Object.keys(POLYNOMIALS));
  for (const [name, { steps, margin }] of Object.entries(POLYNOMIALS))
    expect(MUON_COEFFICIENTS[name as keyof typeof POLYNOMIALS]).toMatchObject({ steps, margin });
});

describe('five steps of Newton-Schulz', () => {
  it.each([
    [1, [0.701, 1.1136, 0.7207, 1.09, 0.6964]],
    [0.01, [0.0344, 0.1184, 0.4001, 1.0931, 0.6989]],
  ] as const)('take a singular value of %d to %o', (x, wanted) => {
    expect(mapped(x, 'keller-jordan').map((value) => Number(value.toFixed(4)))).toEqual(wanted);
  });

  it.each(['keller-jordan', 'polar-express'] as const)(
    '%s: each singular value follows the polynomials',
    (which) => {
      const update = gaussian(24 * 40, 3);
      const norm = Math.sqrt(update.reduce((sum, x) => sum + x * x, 0));
      const wanted = singularValues(update, 24, 40)
        .map((x) => Math.abs(mapped(x / (POLYNOMIALS[which].margin * norm + 1e-7), which).at(-1)!))
        .sort((a, b) => a - b);
      const found = singularValues(orthogonalized(update, 24, 40, POLYNOMIALS[which]), 24, 40);
      const errors = found.map((x, i) => Math.abs(x - wanted[i]!));
      expect(Math.max(...errors)).toBeLessThan(1e-9);
    },
  );

  it('a wide Gaussian matrix has singular values near 1 afterwards', () => {
    const found = singularValues(
      orthogonalized(gaussian(64 * 256, 1), 64, 256, POLYNOMIALS['keller-jordan']),
      64,
      256,
    );
    expect(found[0]).toBeGreaterThan(0.68);
    expect(found.at(-1)).toBeLessThan(1.14);
  });

  it('Polar Express lifts the smallest singular value of a square matrix further', () => {
    const [size, seed] = [48, 6];
    const update = gaussian(size * size, seed);
    const smallest = (which: keyof typeof POLYNOMIALS) =>
      singularValues(orthogonalized(update, size, size, POLYNOMIALS[which]), size, size)[0]!;
    const [jordan, polar] = [smallest('keller-jordan'), smallest('polar-express')];
    console.log(`smallest singular value: ${jordan.toFixed(3)} and ${polar.toFixed(3)}`);
    expect(jordan).toBeLessThan(0.5);
    expect(polar).toBeGreaterThan(1.5 * jordan);
  });

  it('a transposed matrix becomes the transpose of the result, and zero stays zero', () => {
    const turn = (x: Float64Array, rows: number, columns: number) =>
      Float64Array.from(x, (_, i) => x[(i % rows) * columns + Math.floor(i / rows)]!);
    const update = gaussian(12 * 20, 4);
    const found = orthogonalized(turn(update, 12, 20), 20, 12, POLYNOMIALS['keller-jordan']);
    const wanted = turn(orthogonalized(update, 12, 20, POLYNOMIALS['keller-jordan']), 12, 20);
    for (const [i, x] of found.entries()) expect(x).toBeCloseTo(wanted[i]!, 12);
    const zero = orthogonalized(new Float64Array(240), 12, 20, POLYNOMIALS['polar-express']);
    expect([...new Set(zero)]).toEqual([0]);
  });
});

const options = {
  ...{ learningRate: 0.1, beta1: 0, beta2: 0, epsilon: 0, weightDecay: 0.5, step: 1, gradFactor: 2 },
};
const settings = {
  muonMomentum: 0.95,
  muonCoefficients: 'keller-jordan',
  muonScale: 'spectral',
  rateFactor: 2,
} as const;
const none = new Float64Array(0);

it('one step by hand: momentum, Nesterov, decay and learning rate', () => {
  const [w, m] = [Float64Array.of(3), Float64Array.of(0.4)];
  muonOf({ rows: 1, sideBySide: [1] }, settings)(w, Float64Array.of(0.25), m, none, options);
  const next = 0.95 * 0.4 + 0.05 * 0.5;
  expect(m[0]).toBeCloseTo(next, 15);
  const update = 0.05 * 0.5 + 0.95 * next;
  const [, , , , direction] = mapped(update / (update + 1e-7), 'keller-jordan');
  expect(w[0]).toBeCloseTo(3 - 0.2 * (0.5 * 3 + direction!), 12);
});

it('matrices side by side are those of apart, with the scale of their own shape', () => {
  const [rows, sideBySide] = [4, [8, 4]];
  const all = { w: gaussian(48, 5), g: gaussian(48, 6), m: gaussian(48, 7) };
  for (const muonScale of ['spectral', 'rms'] as const) {
    const given = { ...settings, muonScale };
    const columns = (x: Float64Array, first: number, count: number) =>
      Float64Array.from(
        { length: rows * count },
        (_, i) => x[Math.floor(i / count) * 12 + first + (i % count)]!,
      );
    const [w, m] = [all.w.slice(), all.m.slice()];
    muonOf({ rows, sideBySide }, given)(w, all.g, m, none, options);
    for (const [first, count] of [
      [0, 8],
      [8, 4],
    ] as const) {
      const [own, momentum] = [columns(all.w, first, count), columns(all.m, first, count)];
      muonOf({ rows, sideBySide: [count] }, given)(
        own,
        columns(all.g, first, count),
        momentum,
        none,
        options,
      );
      expect(columns(w, first, count)).toEqual(own);
      expect(columns(m, first, count)).toEqual(momentum);
    }
  }
});

interface TorchCase {
  readonly outputs: number;
  readonly inputs: number;
  readonly scale: 'original' | 'match_rms_adamw';
  readonly weight_decay: number;
  readonly initial: readonly number[];
  readonly gradients: readonly (readonly number[])[];
  readonly final: readonly number[];
  readonly momentum: readonly number[];
}

const fixture = JSON.parse(
  readFileSync(new URL('../../fixtures/torch_muon.json', import.meta.url), 'utf8'),
) as { learningRate: number; cases: readonly TorchCase[] };

it.each(fixture.cases)('three steps are those of PyTorch: $outputs x $inputs, $scale', (given) => {
  const { outputs, inputs, scale, weight_decay: weightDecay } = given;
  /** PyTorch's (outputs, inputs) as (inputs, outputs). */
  const turned = (values: readonly number[]) =>
    Float64Array.from(values, (_, i) => values[(i % outputs) * inputs + Math.floor(i / outputs)]!);
  const [w, m] = [turned(given.initial), new Float64Array(given.initial.length)];
  const muonScale = scale === 'original' ? 'spectral' : 'rms';
  const step = muonOf({ rows: inputs, sideBySide: [outputs] }, { ...settings, muonScale, rateFactor: 1 });
  for (const gradient of given.gradients) {
    const { learningRate } = fixture;
    step(w, turned(gradient), m, none, { ...options, learningRate, weightDecay, gradFactor: 1 });
  }
  // PyTorch divides by the norm, and by 1e-7 where that is larger; here 1e-7 is added to norms of about 1.
  const wanted = { final: turned(given.final), momentum: turned(given.momentum) };
  for (const [i, x] of w.entries()) expect(Math.abs(x - wanted.final[i]!)).toBeLessThan(1e-7);
  for (const [i, x] of m.entries()) expect(x).toBeCloseTo(wanted.momentum[i]!, 14);
});
