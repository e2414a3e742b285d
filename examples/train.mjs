// Trains a small GPT on a text and samples from it: node train.mjs [FILE]. Needs: npm install halfstep webgpu
import { readFileSync } from 'node:fs';
import { configure, createDataset, createTrainer, openDevice, presetOf, runTraining } from 'halfstep';
import { loadDawn } from 'halfstep/node';

const text = readFileSync(process.argv[2] ?? 'node_modules/halfstep/README.md', 'utf8');
const config = configure(presetOf('smoke').config, { precision: 'bf16', steps: 60, learningRate: 3e-3 });
const dataset = createDataset(text, { name: 'my text', ...config });
const { device, report } = await openDevice(await loadDawn());
const trainer = await createTrainer(device, report, config, dataset);
await runTraining(trainer, {
  onStep: ({ step, loss }) => console.log(`step ${step}  loss ${loss?.toFixed(3)}`),
  onEval: ({ valLoss }) => console.log(`validation loss ${valLoss?.toFixed(3)}`),
});
console.log(await trainer.sample({ prompt: 'The ', length: 100, temperature: 0.8, topK: 0, seed: 1 }));
trainer.destroy();
device.destroy();
