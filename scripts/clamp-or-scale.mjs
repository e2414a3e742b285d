/**
 * `node scripts/clamp-or-scale.mjs --data FILE`: what a step whose gradients overflow f16 does to the weights, and to the loss
 * fifty steps later, if it is skipped, clamped or set to zero.
 */
import { fileURLToPath } from 'node:url';
import { runnerImport } from 'vite';

const entry = fileURLToPath(new URL('../test/overflow/clampOrScale.ts', import.meta.url));
const { module } = await runnerImport(entry, { configFile: false });
await module.main(process.argv.slice(2));
process.exit(0);
