/**
 * Compares the page with the recorded values of a real model: `npm run test:llama-page -- FOLDER`, with the folder that
 * `npm run test:llama` takes. It builds the page, and needs the setup of the end-to-end tests (`npm run test:setup`).
 */
import { spawnSync } from 'node:child_process';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const [folder] = process.argv.slice(2);
if (!folder) {
  process.stderr.write('Usage: npm run test:llama-page -- FOLDER\n');
  process.exit(2);
}
const cwd = fileURLToPath(new URL('..', import.meta.url));
const env = { ...process.env, LLAMA_FOLDER: resolve(folder) };
const run = (...args) => spawnSync(process.execPath, args, { cwd, env, stdio: 'inherit' }).status ?? 1;
process.exitCode =
  run('node_modules/vite/bin/vite.js', 'build', '--logLevel', 'warn') ||
  run('node_modules/playwright/cli.js', 'test', '--config', 'e2e/llama/playwright.config.ts');
