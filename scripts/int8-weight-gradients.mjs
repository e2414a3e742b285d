/**
 * `node scripts/int8-weight-gradients.mjs [--data FILE [--steps N]]`: how far weight gradients in 8-bit integers are from those in
 * f64, on planted values whose gradient is a small mean, and on a model that it trains on the text first.
 */
import { fileURLToPath } from 'node:url';
import { runMain } from './typeScriptMain.mjs';

await runMain(fileURLToPath(new URL('../test/int8/weightGradient.ts', import.meta.url)));
