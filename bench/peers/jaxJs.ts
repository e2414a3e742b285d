/**
 * GPT-2 in jax-js as its users write it: a pure loss, `valueAndGrad`, and Adam over the tree of parameters, all inside
 * one `jit`. Arrays are consumed by what uses them; `.ref` keeps one for a further use.
 */
import { blockUntilReady, defaultDevice, init, jit, nn, numpy as np, tree, valueAndGrad } from '@jax-js/jax';
import { offer } from './page.ts';
import { initialParameters, type Task } from './task.ts';

type Params = Record<string, np.Array>;

/** jax-js computes when it is asked to wait, and advises to ask now and then. */
const STEPS_AHEAD = 8;

offer(async (task) => {
  if (!(await init('webgpu')).includes('webgpu')) throw new Error('jax-js finds no WebGPU here');
  defaultDevice('webgpu');
  const { beta1, beta2 } = task.config;
  const { batch, context } = task.config;
  let params: Params = {};
  for (const { name, shape, values } of initialParameters(task)) {
    params[name] = np.array(new Float32Array(values), { shape: [...shape] });
  }
  let m = tree.map((p: np.Array) => np.zerosLike(p), tree.ref(params)) as Params;
  let v = tree.map((p: np.Array) => np.zerosLike(p), tree.ref(params)) as Params;
  const trainStep = jit(makeTrainStep(task));
  let steps = 0;
  let loss: np.Array | undefined;
  return {
    async step(tokens, targets) {
      steps += 1;
      const ids = (values: Uint32Array) => np.array(new Int32Array(values), { shape: [batch, context] });
      const bias1 = np.array(1 - beta1 ** steps);
      const bias2 = np.array(1 - beta2 ** steps);
      loss?.dispose();
      [loss, params, m, v] = trainStep(params, m, v, bias1, bias2, ids(tokens), ids(targets));
      if (steps % STEPS_AHEAD === 0) await blockUntilReady(params);
    },
    async finish() {
      await blockUntilReady([params, m, v]);
      return (await loss!.ref.data())[0]!;
    },
  };
});

function makeTrainStep(task: Task) {
  const { beta1, beta2, epsilon, learningRate } = task.config;
  const lossAndGrad = valueAndGrad((params: Params, tokens: np.Array, targets: np.Array) =>
    crossEntropy(task, forward(task, params, tokens), targets),
  );
  return (
    params: Params,
    m: Params,
    v: Params,
    bias1: np.Array,
    bias2: np.Array,
    tokens: np.Array,
    targets: np.Array,
  ) => {
    const [loss, grads] = lossAndGrad(tree.ref(params), tokens, targets);
    const next: [Params, Params, Params] = [{}, {}, {}];
    for (const name of Object.keys(params)) {
      const g = grads[name]!;
      const m1 = m[name]!.mul(beta1).add(g.ref.mul(1 - beta1));
      const v1 = v[name]!.mul(beta2).add(np.square(g).mul(1 - beta2));
      const update = m1.ref.div(bias1.ref).div(np.sqrt(v1.ref.div(bias2.ref)).add(epsilon));
      next[0][name] = params[name]!.sub(update.mul(learningRate));
      next[1][name] = m1;
      next[2][name] = v1;
    }
    bias1.dispose();
    bias2.dispose();
    return [loss, ...next] as [np.Array, Params, Params, Params];
  };
}

function forward({ gpt, config }: Task, params: Params, tokens: np.Array): np.Array {
  const { layers, heads, width: C, context: T, vocabulary } = gpt;
  const B = config.batch;
  const take = (name: string): np.Array => params[name]!;
  const norm = (x: np.Array, name: string) =>
    nn
      .standardize(x, -1)
      .mul(take(`${name}.weight`))
      .add(take(`${name}.bias`));
  const linear = (x: np.Array, name: string) => np.dot(x, take(`${name}.weight`)).add(take(`${name}.bias`));
  const wte = take('wte.weight');
  let x = np
    .dot(nn.oneHot(tokens.reshape([-1]), vocabulary), wte.ref)
    .reshape([B, T, C])
    .add(take('wpe.weight'));
  for (let layer = 0; layer < layers; layer++) {
    const h = `h.${layer}`;
    const qkv = linear(norm(x.ref, `${h}.ln_1`), `${h}.attn.c_attn`).reshape([B, T, 3, heads, C / heads]);
    const q = qkv.ref.slice([], [], 0);
    const k = qkv.ref.slice([], [], 1);
    const values = qkv.slice([], [], 2);
    const attended = nn.dotProductAttention(q, k, values, { isCausal: true }).reshape([B, T, C]);
    x = x.add(linear(attended, `${h}.attn.c_proj`));
    const hidden = nn.gelu(linear(norm(x.ref, `${h}.ln_2`), `${h}.mlp.c_fc`), { approximate: true });
    x = x.add(linear(hidden, `${h}.mlp.c_proj`));
  }
  return np.dot(norm(x, 'ln_f'), wte.transpose());
}

function crossEntropy({ gpt, config }: Task, logits: np.Array, targets: np.Array): np.Array {
  const { vocabulary } = gpt;
  const logProbabilities = nn.logSoftmax(logits.reshape([-1, vocabulary]), -1);
  const chosen = logProbabilities.mul(nn.oneHot(targets.reshape([-1]), vocabulary)).sum();
  return chosen.mul(-1 / (config.batch * config.context));
}
