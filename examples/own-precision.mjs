// A precision mode of your own, as data: node own-precision.mjs [FILE]. Which number format each kind of tensor has is a
// table; what the kernels cannot do is refused by name.
import { readFileSync } from 'node:fs';
import {
  configure,
  createDataset,
  createTrainer,
  defineMode,
  openDevice,
  presetOf,
  recipeOf,
} from 'halfstep';
import { loadDawn } from 'halfstep/node';

const fp16 = recipeOf('fp16');
const mode = defineMode({
  ...fp16,
  id: 'custom-narrow-sums',
  title: 'bf16 products, bf16 gradients',
  summary:
    'Matmul operands in bf16, the residual stream in f16, gradients in bf16, masters in f32; no loss scale.',
  roles: {
    ...fp16.roles,
    activation: 'bf16',
    weight: 'bf16',
    outputGradient: 'bf16',
    attention: 'bf16',
    preActivation: 'bf16',
    residual: 'f16',
    gradient: 'bf16',
  },
  scaling: { kind: 'none' },
});

const text = readFileSync(process.argv[2] ?? 'node_modules/halfstep/README.md', 'utf8');
const { device, report } = await openDevice(await loadDawn());
for (const precision of /** @type {const} */ (['fp32', mode])) {
  const config = configure(presetOf('smoke').config, { precision, steps: 30, learningRate: 3e-3 });
  const dataset = createDataset(text, { name: 'my text', ...config });
  const trainer = await createTrainer(device, report, config, dataset);
  while (trainer.submittedSteps < config.steps) {
    await trainer.waitForRoom(); // The CPU runs a few steps ahead of the GPU, and no more.
    trainer.step();
  }
  await trainer.drain();
  const losses = trainer.takeMetrics().map(({ loss }) => loss);
  const mebibytes = trainer.memory.total / 2 ** 20;
  console.log(`${precision}: ${mebibytes.toFixed(1)} MiB, loss ${losses[0]} to ${losses.at(-1)}`);
  trainer.destroy();
}
device.destroy();
