/**
 * `node scripts/int8-weight-gradients.mjs [--data FILE [--steps N]]`: how far weight gradients in 8-bit integers are from those in
 * f64, on planted values whose gradient is a small mean, and on a model that it trains on the text first.
 */
import { fileURLToPath } from 'node:url';
import { runnerImport } from 'vite';

const entry = fileURLToPath(new URL('../test/int8/weightGradient.ts', import.meta.url));
const { module } = await runnerImport(entry, { configFile: false });
await module.main(process.argv.slice(2));
process.exit(0);
