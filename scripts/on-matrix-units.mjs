/**
 * Runs a script on a software driver with real subgroup matrices (lavapipe of Mesa 26), which e2e/software-gpu/matrixDriver.mjs
 * downloads where this machine's Mesa is older:
 *
 *   node scripts/on-matrix-units.mjs scripts/cli.mjs train --preset smoke --precision fp16
 */
import { spawnSync } from 'node:child_process';
import { matrixDriver } from '../e2e/software-gpu/matrixDriver.mjs';

const script = process.argv.slice(2);
if (script.length === 0) {
  console.error('usage: on-matrix-units.mjs SCRIPT [argument ...]');
  process.exit(2);
}
const { node, env, mesa } = matrixDriver();
console.error(`on lavapipe of Mesa ${mesa}`);
const { status, error } = spawnSync(node, script, { stdio: 'inherit', env: { ...process.env, ...env } });
if (error) throw error;
process.exitCode = status ?? 1;
