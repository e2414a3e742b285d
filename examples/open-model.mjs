// Opens a model as it is on Hugging Face, samples, scores a text, and writes it as a GGUF file:
// node open-model.mjs FOLDER [PROMPT]
import { writeFile } from 'node:fs/promises';
import { convertModel, openDevice, openModelFiles, openModelOfFiles } from 'halfstep';
import { loadDawn, openModelFolder } from 'halfstep/node';

const [folder = 'my-model', prompt = 'The '] = process.argv.slice(2);
const opened = await openModelFolder(folder);
for (const note of opened.notes) console.log(`note: ${note}`);
console.log(`${opened.family}, ${opened.shape.layers} layers, width ${opened.shape.width}`);

const { device, report } = await openDevice(await loadDawn());
const model = await openModelOfFiles(device, report, opened);
const options = { prompt, length: 40, temperature: 0, topK: 0, seed: 1 };
const { text } = await model.generate(options);
console.log(`${prompt}${text}`);
const { loss, tokens } = await model.score(model.tokenizer.encode(`${prompt}${text}`));
console.log(`loss ${loss.toFixed(4)} over ${tokens} tokens`);
model.destroy();

// The same model in the form of llama.cpp. A page opens the files of an <input type="file" multiple> in this way.
const files = await convertModel(opened, 'gguf-f32');
for (const file of files) await writeFile(file.name, file.stream());
const again = await openModelOfFiles(device, report, await openModelFiles(files));
console.log((await again.generate(options)).text === text ? 'the GGUF file writes the same' : 'it differs');
again.destroy();
device.destroy();
