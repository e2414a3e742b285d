/**
 * Trains in the real page for a chosen time with injected faults (see e2e/soak), and compares every step with an
 * undisturbed run.
 *
 *   npm run soak -- --minutes 30 --json FILE --seed 1
 *
 * It needs the setup of the end-to-end tests (`npm run test:setup`). Exits with 1 when anything was lost.
 */
import { spawnSync } from 'node:child_process';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const repo = fileURLToPath(new URL('..', import.meta.url));

function options() {
  try {
    return parseArgs({
      options: {
        minutes: { type: 'string', default: '1' },
        seed: { type: 'string', default: '1' },
        json: { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
    }).values;
  } catch (error) {
    console.error(error.message);
    process.exit(2);
  }
}

/** Parses the number of an option; ends the program when it is not one. */
function numberOf(name, text, least) {
  const value = Number(text);
  if (Number.isFinite(value) && value >= least) return value;
  console.error(`--${name} is "${text}": give a number of at least ${least}.`);
  process.exit(2);
}

const { minutes, seed, json, help } = options();
if (help) {
  console.log('Usage: npm run soak -- [--minutes N] [--seed N] [--json FILE]\n');
  console.log(
    'Training in the page under injected faults, for N minutes [1], in the order that the seed [1] gives.',
  );
  process.exit(0);
}
const environment = {
  ...process.env,
  SOAK_MINUTES: String(numberOf('minutes', minutes, 0)),
  SOAK_SEED: String(Math.floor(numberOf('seed', seed, 0))),
  ...(json && { SOAK_JSON: resolve(json) }),
};
const run = (...args) =>
  spawnSync(process.execPath, args, { cwd: repo, env: environment, stdio: 'inherit' }).status ?? 1;
process.exitCode =
  run('node_modules/vite/bin/vite.js', 'build', '--logLevel', 'error') ||
  run('node_modules/playwright/cli.js', 'test', '--config', 'e2e/soak/playwright.config.ts');
