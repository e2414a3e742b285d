/**
 * PYTHON=VENV/bin/python npm run test:transformers [-- FOLDER]: opens exports of short runs with transformers, and of the model in
 * FOLDER, which has its greedy tokens in an expected.json, as of stories260K. See test/transformers/exports.test.ts.
 */
import { spawnSync } from 'node:child_process';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const [model] = process.argv.slice(2);
const { status } = spawnSync('npx', ['vitest', 'run', '--project', 'transformers'], {
  cwd: fileURLToPath(new URL('..', import.meta.url)),
  stdio: 'inherit',
  env: { ...process.env, ...(model && { TRANSFORMERS_MODEL: resolve(model) }) },
});
process.exit(status ?? 1);
