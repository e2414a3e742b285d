/**
 * GPT-2 in TensorFlow.js as its users write it: variables, batched matMul, `tf.train.adam`, everything temporary inside
 * `tf.tidy`.
 */
import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-webgpu';
import '@tensorflow/tfjs-core/dist/public/chained_ops/register_all_chained_ops';
import '@tensorflow/tfjs-core/dist/register_all_gradients';
import { offer } from './page.ts';
import { initialParameters, type Task } from './task.ts';

type Variables = Readonly<Record<string, tf.Variable>>;

/** Added to scores of later tokens: softmax makes it zero. */
const MASKED = -1e9;
const NORM_EPSILON = 1e-5;

offer(async (task) => {
  if (!(await tf.setBackend('webgpu'))) throw new Error('TensorFlow.js finds no WebGPU here');
  await tf.ready();
  const { batch, context, learningRate, beta1, beta2, epsilon } = task.config;
  const variables: Record<string, tf.Variable> = {};
  for (const { name, shape, values } of initialParameters(task)) {
    variables[name] = tf.variable(tf.tensor(values, [...shape]));
  }
  const optimizer = tf.train.adam(learningRate, beta1, beta2, epsilon);
  const mask = tf.tidy(() => {
    const lower = tf.linalg.bandPart(tf.ones([context, context]), -1, 0);
    return tf.keep(tf.sub(1, lower).mul(MASKED));
  });
  let loss: tf.Scalar | undefined;
  return {
    step(tokens, targets) {
      loss?.dispose();
      loss = tf.tidy(() => {
        const ids = tf.tensor2d(new Int32Array(tokens), [batch, context], 'int32');
        const wanted = tf.oneHot(tf.tensor1d(new Int32Array(targets), 'int32'), task.gpt.vocabulary);
        const cost = () =>
          tf.losses.softmaxCrossEntropy(wanted, forward(task, variables, mask, ids)) as tf.Scalar;
        return optimizer.minimize(cost, true)!;
      });
    },
    async finish() {
      return (await loss!.data())[0]!;
    },
  };
});

/** Logits (B * T, V). */
function forward(
  { gpt, config }: Task,
  variables: Variables,
  mask: tf.Tensor,
  ids: tf.Tensor2D,
): tf.Tensor2D {
  const { layers, heads, width: C, context: T } = gpt;
  const B = config.batch;
  const D = C / heads;
  const of = (name: string): tf.Variable => variables[name]!;
  const norm = (x: tf.Tensor, name: string) => {
    const { mean, variance } = tf.moments(x, -1, true);
    return x
      .sub(mean)
      .mul(tf.rsqrt(variance.add(NORM_EPSILON)))
      .mul(of(`${name}.weight`))
      .add(of(`${name}.bias`));
  };
  const linear = (x: tf.Tensor, name: string) =>
    tf.matMul(x as tf.Tensor2D, of(`${name}.weight`)).add(of(`${name}.bias`));
  const splitHeads = (x: tf.Tensor) => x.reshape([B, T, heads, D]).transpose([0, 2, 1, 3]);
  const wte = of('wte.weight');
  // Rows of one sequence after another: (B * T, C).
  let x: tf.Tensor = tf
    .gather(wte, ids)
    .add(of('wpe.weight'))
    .reshape([B * T, C]);
  for (let layer = 0; layer < layers; layer++) {
    const h = `h.${layer}`;
    const qkv = linear(norm(x, `${h}.ln_1`), `${h}.attn.c_attn`);
    const [q, k, v] = tf.split(qkv, 3, 1).map(splitHeads) as [tf.Tensor, tf.Tensor, tf.Tensor];
    const scores = tf
      .matMul(q, k, false, true)
      .mul(1 / Math.sqrt(D))
      .add(mask);
    const attended = tf
      .matMul(tf.softmax(scores), v)
      .transpose([0, 2, 1, 3])
      .reshape([B * T, C]);
    x = x.add(linear(attended, `${h}.attn.c_proj`));
    x = x.add(linear(gelu(linear(norm(x, `${h}.ln_2`), `${h}.mlp.c_fc`)), `${h}.mlp.c_proj`));
  }
  return tf.matMul(norm(x, 'ln_f') as tf.Tensor2D, wte as unknown as tf.Tensor2D, false, true);
}

/** The tanh form, which GPT-2 uses; there is no operation for it. */
function gelu(x: tf.Tensor): tf.Tensor {
  const inner = x.add(x.mul(x).mul(x).mul(0.044715)).mul(Math.sqrt(2 / Math.PI));
  return x.mul(0.5).mul(tf.tanh(inner).add(1));
}
