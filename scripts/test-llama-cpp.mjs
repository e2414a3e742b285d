/**
 * npm run test:llama-cpp [-- FOLDER]: opens GGUF exports of every family and tokenizer with llama.cpp (the package
 * node-llama-cpp, installed into .cache) and compares tokens. FOLDER is a model of Hugging Face's form to export as well, with
 * its greedy tokens in an expected.json, as of stories260K.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const VERSION = '3.22.1';
const folder = join(ROOT, '.cache/llama-cpp');
const installed = join(folder, 'node_modules/node-llama-cpp');

function run(command, args, options) {
  const { status, error } = spawnSync(command, args, { stdio: 'inherit', ...options });
  if (error) throw error;
  if (status !== 0) process.exit(status ?? 1);
}

if (!existsSync(join(installed, 'package.json'))) {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{"private":true}\n');
  run('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', `node-llama-cpp@${VERSION}`], {
    cwd: folder,
  });
}
const [model] = process.argv.slice(2);
run('npx', ['vitest', 'run', '--project', 'llama-cpp'], {
  cwd: ROOT,
  env: { ...process.env, LLAMA_CPP: installed, ...(model && { LLAMA_CPP_MODEL: resolve(model) }) },
});
