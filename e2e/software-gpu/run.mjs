/** Output and child processes of the set-up. */
import { spawnSync } from 'node:child_process';

/** @param {string} line */
export const say = (line) => console.log(`software-gpu: ${line}`);

/** @param {string} message @returns {never} */
export function fail(message) {
  console.error(`software-gpu: ${message}`);
  process.exit(1);
}

/**
 * Runs a program quietly: its output is shown only when it fails.
 * @param {string} command @param {string[]} args
 * @param {{ mayFail?: boolean, hint?: string }} [options] hint: what to do when it fails
 */
export function run(command, args, { mayFail = false, hint = '' } = {}) {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C' };
  const done = spawnSync(command, args, { encoding: 'utf8', env, maxBuffer: 1 << 28 });
  if (done.status === 0) return;
  const output = `${done.error ?? ''}${done.stdout ?? ''}${done.stderr ?? ''}`;
  const tail = output.trim().split('\n').slice(-15).join('\n');
  const message = `${command} ${args.join(' ')} failed${mayFail ? ', continuing' : ''}:\n${tail}${hint && `\n${hint}`}`;
  if (!mayFail) fail(message);
  say(message);
}
