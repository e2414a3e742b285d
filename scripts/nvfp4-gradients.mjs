/**
 * `node scripts/nvfp4-gradients.mjs --data FILE [--steps N] [--batches N]`: what rounding output gradients to NVFP4 adds to the
 * gradients of weights, to nearest and stochastically, on a model that it trains on the text first.
 */
import { fileURLToPath } from 'node:url';
import { runMain } from './typeScriptMain.mjs';

await runMain(fileURLToPath(new URL('../test/roundedGradients/gradientRounding.ts', import.meta.url)));
