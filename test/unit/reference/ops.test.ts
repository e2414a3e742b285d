/** Backward of every operation against finite differences of its forward: f = sum(out * dout) for random dout. */
import { describe, expect, it } from 'vitest';
import * as ops from '../../../src/engine/reference/ops.ts';
import { dot, expectGradient, normals } from './finiteDifference.ts';

describe('matmul', () => {
  const [M, N, K] = [3, 5, 4];
  const inp = normals(M * K, 1);
  const weight = normals(K * N, 2);
  const bias = normals(N, 3);
  const dout = normals(M * N, 4);

  it('computes inp . weight + bias', () => {
    expect([...ops.matmul(new Float64Array([1, 2, 3, 4]), new Float64Array([1, 0, 2, 1]), 2, 2, 2)]).toEqual([
      5, 2, 11, 4,
    ]);
    const shifted = ops.matmul(new Float64Array(K), weight, 1, N, K, bias);
    expect([...shifted]).toEqual([...bias]);
  });

  it('has the gradients of its inputs, weight and bias', () => {
    const f = () => dot(ops.matmul(inp, weight, M, N, K, bias), dout);
    expectGradient('dinp', f, inp, ops.matmulTransposedB(dout, weight, M, K, N));
    expectGradient('dweight', f, weight, ops.matmulTransposedA(inp, dout, K, N, M));
    expectGradient('dbias', f, bias, ops.columnSum(dout, M, N));
  });

  it('has the gradients of the transposed form, the LM head', () => {
    const head = normals(N * K, 5);
    const f = () => dot(ops.matmulTransposedB(inp, head, M, N, K), dout);
    expectGradient('dinp', f, inp, ops.matmul(dout, head, M, K, N));
    expectGradient('dweight', f, head, ops.matmulTransposedA(dout, inp, N, K, M));
  });
});

describe('layer norm', () => {
  const [rows, C] = [4, 12];
  const inp = normals(rows * C, 1, 2, 0.5);
  const weight = normals(C, 2, 0.3, 1);
  const bias = normals(C, 3, 0.3);
  const dout = normals(rows * C, 4);

  it('has mean bias and deviation weight', () => {
    const { out, mean, rstd } = ops.layernormForward(
      inp,
      new Float64Array(C).fill(1),
      new Float64Array(C),
      rows,
      C,
      1e-5,
    );
    for (let row = 0; row < rows; row++) {
      const y = out.subarray(row * C, (row + 1) * C);
      expect(dot(y, y) / C).toBeCloseTo(1, 4);
      expect(y.reduce((a, b) => a + b)).toBeCloseTo(0, 10);
      expect(y[0]).toBeCloseTo((inp[row * C]! - mean[row]!) * rstd[row]!, 12);
    }
  });

  it('has its gradients, and those of nearly constant rows, where epsilon counts', () => {
    for (const x of [inp, normals(rows * C, 5, 3e-3, 1)]) {
      const f = () => dot(ops.layernormForward(x, weight, bias, rows, C, 1e-5).out, dout);
      const { mean, rstd } = ops.layernormForward(x, weight, bias, rows, C, 1e-5);
      const back = ops.layernormBackward(dout, x, weight, mean, rstd, rows, C);
      expectGradient('dinp', f, x, back.dinp, { h: x === inp ? 1e-3 : 1e-5 });
      expectGradient('dweight', f, weight, back.dweight);
      expectGradient('dbias', f, bias, back.dbias);
    }
  });
});

describe('RMSNorm', () => {
  const [rows, C] = [2, 4];
  const inp = Float64Array.of(1, 2, 3, 4, -0.5, 0.25, 2, -1);
  const weight = Float64Array.of(1, 0.5, 2, -1);
  const dout = Float64Array.of(1, 2, 3, 4, 0.5, -1, 2, 1);

  it('has the values and gradients of PyTorch', () => {
    // x * torch.rsqrt(x.square().mean(-1, keepdim=True) + 1e-5) * weight and its backward in float64
    const { out, rms } = ops.rmsnormForward(inp, weight, rows, C, 1e-5);
    const { dinp, dweight } = ops.rmsnormBackward(dout, inp, weight, rms, rows, C);
    const wanted = [
      [out.subarray(0, 4), [0.3651481282381064, 0.3651481282381064, 2.1908887694286383, -1.4605925129524255]],
      [out.subarray(4), [-0.43385928228779475, 0.10846482057194869, 3.470874258302358, 0.8677185645755895]],
      [dinp.subarray(0, 4), [0.304290188009009, 0.24343224777991154, 2.008314948741346, -1.7040242738688152]],
      [dinp.subarray(4), [1.1382372840971422, -0.7860482831924684, 0.6533622510649684, 0.5410374390431053]],
      [dweight, [0.148218487094209, 1.243662871808528, 6.757207412445315, 4.974651487234112]],
    ] as const;
    for (const [actual, torch] of wanted)
      for (const [i, value] of torch.entries()) expect(actual[i]).toBeCloseTo(value, 13);
  });

  it('divides by the root of the mean square and epsilon, whatever epsilon is', () => {
    const row = Float64Array.of(1, 2, 3, 4);
    const ones = new Float64Array(C).fill(1);
    for (const [epsilon, wanted] of [
      [1e-5, [0.365148, 0.730296, 1.095444, 1.460593]],
      [8.5, [0.25, 0.5, 0.75, 1]], // the mean square is 7.5
    ] as const) {
      const { out } = ops.rmsnormForward(row, ones, 1, C, epsilon);
      for (const [i, value] of wanted.entries()) expect(out[i]).toBeCloseTo(value, 6);
    }
  });

  it('has its gradients', () => {
    const f = () => dot(ops.rmsnormForward(inp, weight, rows, C, 1e-5).out, dout);
    const { rms } = ops.rmsnormForward(inp, weight, rows, C, 1e-5);
    const { dinp, dweight } = ops.rmsnormBackward(dout, inp, weight, rms, rows, C);
    expectGradient('dinp', f, inp, dinp);
    expectGradient('dweight', f, weight, dweight);
  });
});

describe('GELU', () => {
  it('has the known values of the tanh form', () => {
    // torch.nn.functional.gelu(x, approximate="tanh") in float64
    expect(ops.gelu(0)).toBe(0);
    expect(ops.gelu(1)).toBeCloseTo(0.8411919906082768, 14);
    expect(ops.gelu(-1)).toBeCloseTo(-0.15880800939172324, 14);
    expect(ops.gelu(-3)).toBeCloseTo(-0.00363739, 8);
    expect(ops.gelu(40)).toBe(40);
  });

  it('has its gradient', () => {
    const inp = normals(50, 1, 2);
    const dout = normals(50, 2);
    expectGradient('dinp', () => dot(ops.geluForward(inp), dout), inp, ops.geluBackward(dout, inp));
  });
});

describe('ReLU^2', () => {
  const inp = Float64Array.of(-2, -0.5, 0, 0.25, 3);
  const dout = Float64Array.of(1, 2, 3, 4, 5);

  it('has the values and the gradient of PyTorch', () => {
    // torch.relu(x).square() and its backward in float64
    expect([...ops.relu2Forward(inp)]).toEqual([0, 0, 0, 0.0625, 9]);
    expect([...ops.relu2Backward(dout, inp)]).toEqual([0, 0, 0, 2, 30]);
  });

  it('has its gradient', () => {
    const x = normals(50, 1, 2);
    const d = normals(50, 2);
    expectGradient('dinp', () => dot(ops.relu2Forward(x), d), x, ops.relu2Backward(d, x));
  });
});

describe('gated MLPs', () => {
  it('SiLU has the known values', () => {
    // torch.nn.functional.silu in float64
    expect(ops.silu(0)).toBe(0);
    expect(ops.silu(1)).toBeCloseTo(0.7310585786300049, 14);
    expect(ops.silu(-1)).toBeCloseTo(-0.2689414213699951, 14);
    expect(ops.silu(40)).toBe(40);
    expect(ops.siluDerivative(0)).toBe(0.5);
    expect(ops.siluDerivative(1)).toBeCloseTo(0.9276705118714867, 14);
  });

  it('multiplies the first half of a row through the function by the second', () => {
    const inp = Float64Array.of(1, -1, 10, 20, 0, 2, 30, -40);
    const out = ops.gatedForward(inp, 2, ops.relu2);
    expect([...out]).toEqual([10, 0, 0, -160]);
    const back = ops.gatedBackward(Float64Array.of(1, 2, 3, 4), inp, 2, ops.relu2, ops.relu2Derivative);
    expect([...back]).toEqual([20, 0, 1, 0, 0, -640, 0, 16]);
  });

  it.each([
    ['SwiGLU', ops.silu, ops.siluDerivative],
    ['GeGLU', ops.gelu, ops.geluDerivative],
  ] as const)('%s has its gradient', (_, f, derivative) => {
    const [rows, width] = [5, 6];
    const inp = normals(rows * 2 * width, 1, 2);
    const dout = normals(rows * width, 2);
    const loss = () => dot(ops.gatedForward(inp, rows, f), dout);
    expectGradient('dinp', loss, inp, ops.gatedBackward(dout, inp, rows, f, derivative));
  });
});

describe('attention', () => {
  const shape = { B: 2, T: 5, H: 2, D: 4 };
  const { B, T, H, D } = shape;
  const qkv = normals(B * T * 3 * H * D, 1);
  const dout = normals(B * T * H * D, 2);

  it('averages v with softmax of the scaled scores, and saves their log-sum-exp', () => {
    const { out, lse } = ops.attentionForward(qkv, shape);
    const at = (b: number, t: number, which: number, h: number, d: number) =>
      qkv[(((b * T + t) * 3 + which) * H + h) * D + d]!;
    const [b, i, h] = [1, 3, 1];
    const scores = [0, 1, 2, 3].map((j) => {
      let s = 0;
      for (let d = 0; d < D; d++) s += at(b, i, 0, h, d) * at(b, j, 1, h, d);
      return s / 2;
    });
    const sum = scores.reduce((a, s) => a + Math.exp(s), 0);
    expect(lse[(b * H + h) * T + i]).toBeCloseTo(Math.log(sum), 12);
    const wanted = scores.reduce((a, s, j) => a + (Math.exp(s) / sum) * at(b, j, 2, h, 2), 0);
    expect(out[((b * T + i) * H + h) * D + 2]).toBeCloseTo(wanted, 12);
  });

  it('sees no later token', () => {
    const before = ops.attentionForward(qkv, shape).out;
    const changed = qkv.slice();
    changed.fill(9, 3 * H * D * (T - 1), 3 * H * D * T); // the last token of the first sequence
    const after = ops.attentionForward(changed, shape).out;
    const rows = H * D * (T - 1);
    expect([...after.subarray(0, rows)]).toEqual([...before.subarray(0, rows)]);
    expect([...after.subarray(H * D * T)]).toEqual([...before.subarray(H * D * T)]);
  });

  it('is stable where exp of a score overflows', () => {
    const { out, lse } = ops.attentionForward(
      Float64Array.from(qkv, (x) => 100 * x),
      shape,
    );
    expect(ops.allFinite(out) && ops.allFinite(lse)).toBe(true);
  });

  it('has the gradients of q, k and v', () => {
    const f = () => dot(ops.attentionForward(qkv, shape).out, dout);
    const { out, lse } = ops.attentionForward(qkv, shape);
    expectGradient('dqkv', f, qkv, ops.attentionBackward(dout, qkv, out, lse, shape));
  });

  describe('with options', () => {
    const starts = [0, 0, 2, 2, 2, 2, 6, 6, 6];
    const windows = [
      { seed: 3, index: 7, firstQuery: 2, starts },
      { seed: 3, index: 8, firstQuery: 4, starts },
    ];
    const all = { ...shape, G: 1, K: 9, softCap: 1.5, dropout: { rate: 0.4, stream: 5 }, windows };
    const packed = normals(B * all.K * (H + 2 * all.G) * D, 3);

    it('has the gradients of q, k and v', () => {
      const f = () => dot(ops.attentionForward(packed, all).out, dout);
      const { out, lse } = ops.attentionForward(packed, all);
      expectGradient('dqkv', f, packed, ops.attentionBackward(dout, packed, out, lse, all));
    });

    it('is plain attention with as many key/value heads, rows and documents as there are heads, queries and windows', () => {
      const same = { ...shape, G: H, K: T, windows: windows.map(({ seed, index }) => ({ seed, index })) };
      expect(ops.attentionForward(qkv, same)).toEqual(ops.attentionForward(qkv, shape));
    });

    it('sees no token of another document, and none behind the query', () => {
      const before = ops.attentionForward(packed, all).out;
      const changed = packed.slice();
      const row = (H + 2 * all.G) * D;
      // Of the first window, whose queries are rows 2 to 6: the first document, and what follows the last query.
      changed.fill(9, 0, 2 * row);
      changed.fill(9, 7 * row, 9 * row);
      expect(ops.attentionForward(changed, all).out).toEqual(before);
      changed.fill(9, 2 * row, 3 * row);
      expect(ops.attentionForward(changed, all).out).not.toEqual(before);
    });

    it('drops by the index of a window in the step and not by its row, and about the share that was asked for', () => {
      const factors = (b: number, shapeOf: typeof all) =>
        Array.from({ length: 4000 }, (_, n) =>
          ops.keptFactor(shapeOf, b, n % H, n % 100, Math.floor(n / 100)),
        );
      const swapped = { ...all, windows: windows.toReversed() };
      expect(factors(0, swapped)).toEqual(factors(1, all));
      expect(factors(0, all)).not.toEqual(factors(1, all));
      const dropped = factors(0, all).filter((factor) => factor === 0).length / 4000;
      // Five standard deviations of 4000 draws.
      expect(Math.abs(dropped - 0.4)).toBeLessThan(5 * Math.sqrt((0.4 * 0.6) / 4000));
      expect(new Set(factors(0, all))).toEqual(new Set([0, 1 / (1 - 0.4)]));
    });
  });
});

describe('cross entropy', () => {
  const [rows, V, columns] = [4, 7, 12];
  const logits = normals(rows * columns, 1, 2);
  const targets = [0, 6, 3, 3];

  it('masks padded columns, whatever they hold', () => {
    const { loss, lse } = ops.crossEntropyForward(logits, targets, rows, V, columns);
    const garbage = logits.map((x, i) => (i % columns < V ? x : 1e30));
    expect(ops.crossEntropyForward(garbage, targets, rows, V, columns).loss).toBe(loss);
    const dlogits = ops.crossEntropyBackward(garbage, targets, lse, rows, V, 1, rows, columns);
    expect(dlogits.every((d, i) => i % columns < V || d === 0)).toBe(true);
  });

  it('is ln V for equal logits, and does not overflow', () => {
    expect(ops.crossEntropyForward(new Float64Array(rows * V), targets, rows, V).loss).toBeCloseTo(
      Math.log(V),
      12,
    );
    expect(ops.crossEntropyForward(new Float64Array(rows * V).fill(1e4), targets, rows, V).loss).toBeCloseTo(
      Math.log(V),
      9,
    );
  });

  it('has the gradient of scale times the mean over the tokens of a step', () => {
    const [scale, accumulation] = [1024, 2];
    const f = () => (scale / accumulation) * ops.crossEntropyForward(logits, targets, rows, V, columns).loss;
    const { lse } = ops.crossEntropyForward(logits, targets, rows, V, columns);
    const dlogits = ops.crossEntropyBackward(
      logits,
      targets,
      lse,
      rows,
      V,
      scale,
      rows * accumulation,
      columns,
    );
    expectGradient('dlogits', f, logits, dlogits);
  });
});

describe('what is added to the cross entropy', () => {
  it('z-loss: the known gradient of one token', () => {
    const logits = Float64Array.of(2, 1, 0);
    const { lse, losses } = ops.crossEntropyForward(logits, [0], 1, 3);
    expect(lse[0]).toBeCloseTo(2.407606, 6);
    expect(losses[0]).toBeCloseTo(0.407606, 6);
    const without = ops.crossEntropyBackward(logits, [0], lse, 1, 3, 1, 1);
    const withIt = ops.crossEntropyBackward(logits, [0], lse, 1, 3, 1, 1, 3, 1e-4);
    for (const [i, extra] of [3.2033e-4, 1.1784e-4, 4.335e-5].entries()) {
      expect(withIt[i]! - without[i]!).toBeCloseTo(extra, 8);
    }
  });

  it('soft cap: the known value and slope, none with cap 0, and its gradient', () => {
    const [out] = ops.softCapForward([45], 30);
    expect(out).toBeCloseTo(27.154448, 6);
    expect(ops.softCapBackward([1], [out!], 30)[0]).toBeCloseTo(0.180707, 6);
    const x = normals(20, 1, 3);
    const d = normals(20, 2);
    expect(ops.softCapForward(x, 0)).toEqual(x);
    expect(ops.softCapBackward(d, x, 0)).toEqual(d);
    const f = () => dot(ops.softCapForward(x, 4), d);
    expectGradient('dinp', f, x, ops.softCapBackward(d, ops.softCapForward(x, 4), 4));
  });

  it('layer scale: the gradients of input and scale', () => {
    const [inp, scale, d] = [normals(24, 1), normals(6, 2), normals(24, 3)];
    const f = () => dot(ops.layerScaleForward(inp, scale), d);
    const { dinp, dscale } = ops.layerScaleBackward(d, inp, scale);
    expectGradient('dinp', f, inp, dinp);
    expectGradient('dscale', f, scale, dscale);
  });
});

describe('embedding', () => {
  it('has the gradients of both tables; tokens that repeat add up, tokens that are absent get 0', () => {
    const [B, T, C, V] = [2, 3, 4, 5];
    const tokens = [1, 1, 4, 0, 1, 4];
    const wte = normals(V * C, 1);
    const wpe = normals(T * C, 2);
    const dout = normals(B * T * C, 3);
    const f = () => dot(ops.embeddingForward(tokens, wte, wpe, B, T, C), dout);
    const { dwte, dwpe } = ops.embeddingBackward(dout, tokens, B, T, C, V);
    expectGradient('dwte', f, wte, dwte);
    expectGradient('dwpe', f, wpe, dwpe);
    expect([...dwte.subarray(2 * C, 4 * C)]).toEqual(Array(2 * C).fill(0));
  });
});

describe('gradient norm and clip', () => {
  it('is 5 for {3, 4} at any loss scale', () => {
    for (const scale of [1, 2 ** 8, 2 ** 16]) {
      const tensors = [new Float64Array([3 * scale]), new Float64Array([0, 4 * scale])];
      expect(ops.gradNorm(tensors, 1 / scale)).toBe(5);
    }
  });

  it('clips as torch does, and not at all below the limit or with clip 0', () => {
    expect(ops.clipCoefficient(5, 1)).toBe(1 / 5.000001);
    expect(ops.clipCoefficient(0.5, 1)).toBe(1);
    expect(ops.clipCoefficient(1e9, 0)).toBe(1);
    expect(ops.clipCoefficient(0, 1)).toBe(1);
  });

  it('finds infinities and NaN anywhere, and nothing else', () => {
    const fine = new Float64Array([0, -0, 3.4e38, 2 ** -149, 65504]);
    expect(ops.allFinite(fine)).toBe(true);
    for (const bad of [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN]) {
      for (let i = 0; i < fine.length; i++) expect(ops.allFinite(fine.with(i, bad))).toBe(false);
    }
  });
});
