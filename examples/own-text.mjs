// Learns a tokenizer from your own texts, trains, saves the run, resumes it and exports the model as Hugging Face's libraries
// read it: node own-text.mjs [FILE...]
import { openAsBlob } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  configure,
  createTrainer,
  exportModel,
  openDevice,
  openRun,
  presetOf,
  resumeTrainer,
  runTraining,
  saveRun,
  splitText,
  streamOf,
  tokenize,
} from 'halfstep';
import { loadDawn } from 'halfstep/node';

const paths = process.argv.slice(2);
if (paths.length === 0)
  paths.push('node_modules/halfstep/README.md', 'node_modules/halfstep/docs/package.md');
// One text after the other. `tokenize` also reads streams that are not in memory.
const texts = await Promise.all(paths.map((path) => readFile(path, 'utf8')));
const bytes = new TextEncoder().encode(texts.join('\n'));

const config = configure(presetOf('smoke').config, {
  tokenizer: 'bpe:512',
  precision: 'fp16',
  steps: 20,
  learningRate: 3e-3,
});
const dataset = splitText(await tokenize(streamOf('my texts', bytes), config.tokenizer), config.context);
console.log(`${dataset.train.length} tokens, of ${dataset.tokenizer.vocabulary} different ones`);

const { device, report } = await openDevice(await loadDawn());
const events = {
  /** @param {import('halfstep').StepMetrics} metrics */
  onStep: ({ step, loss }) => console.log(`step ${step}  loss ${loss}`),
  onEval() {},
};
const first = await createTrainer(device, report, config, dataset);
await runTraining(first, events);
await writeFile('run.safetensors', (await saveRun(first)).stream());
first.destroy();

// Perhaps days later, in another program. The tokenizer is part of the file, the text is not.
const run = await openRun(await openAsBlob('run.safetensors'));
const again = await tokenize(streamOf('my texts', bytes), run.description.tokenizer);
const trainer = await resumeTrainer(device, report, run, splitText(again, config.context), { steps: 40 });
await runTraining(trainer, events);

await mkdir('my-model', { recursive: true });
for (const file of await exportModel(trainer)) await writeFile(join('my-model', file.name), file.stream());
console.log(await trainer.sample({ prompt: 'The ', length: 60, temperature: 0.8, topK: 20, seed: 1 }));
trainer.destroy();
device.destroy();
