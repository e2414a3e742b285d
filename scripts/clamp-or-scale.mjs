/**
 * `node scripts/clamp-or-scale.mjs --data FILE`: what a step whose gradients overflow f16 does to the weights, and to the loss
 * fifty steps later, if it is skipped, clamped or set to zero.
 */
import { fileURLToPath } from 'node:url';
import { runMain } from './typeScriptMain.mjs';

await runMain(fileURLToPath(new URL('../test/overflow/clampOrScale.ts', import.meta.url)));
