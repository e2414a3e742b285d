/**
 * Opens GGUF files with llama.cpp: node greedy.mjs PACKAGE, with a JSON list of { path, prompt, count } on standard input.
 * It prints a JSON list of { ids, greedy }: the tokens of the prompt, with BOS where the file asks for one, and the likeliest
 * tokens after it.
 */
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import { pathToFileURL } from 'node:url';

const [packageFolder] = process.argv.slice(2);
const { getLlama, LlamaLogLevel } = await import(pathToFileURL(join(packageFolder, 'dist/index.js')).href);
const llama = await getLlama({
  ...{ gpu: false, build: 'never', skipDownload: true, progressLogs: false },
  // Its threads wait for each other by spinning, which takes minutes on a machine whose cores are in use.
  maxThreads: 1,
  logLevel: LlamaLogLevel.error,
});

const results = [];
for (const { path, prompt, count } of await json(process.stdin)) {
  const model = await llama.loadModel({ modelPath: path });
  const { bos, shouldPrependBosToken } = model.tokens;
  const ids = [...(shouldPrependBosToken ? [bos] : []), ...model.tokenize(prompt, true)];
  const context = await model.createContext({ contextSize: ids.length + count, batchSize: 512, threads: 1 });
  const greedy = [];
  for await (const token of context.getSequence().evaluate(ids, { temperature: 0, yieldEogToken: true })) {
    greedy.push(token);
    if (greedy.length === count) break;
  }
  results.push({ ids, greedy });
  await model.dispose();
}
console.log(JSON.stringify(results));
process.exit(0);
