/**
 * Compares the command line with the recorded values of a real model: `npm run test:llama -- FOLDER`. The folder has the model as it
 * is on Hugging Face, and an `expected.json` with a list `res`: `text`, its `loss64` and `n` scored tokens, and the
 * ids of its `greedy` continuation. Losses may differ by 1e-5; tokens must be equal. The files stay where they are.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const BOUND = 1e-5;
const TOKENS = 32;
const CLI = fileURLToPath(new URL('cli.mjs', import.meta.url));

const [model] = process.argv.slice(2);
if (!model) {
  process.stderr.write('Usage: npm run test:llama -- FOLDER\n');
  process.exit(2);
}
const folder = mkdtempSync(join(tmpdir(), 'halfstep-llama-'));
let failed = 0;
try {
  for (const { text, loss64, n, greedy } of JSON.parse(readFileSync(join(model, 'expected.json'), 'utf8'))
    .res) {
    const file = join(folder, 'text.txt');
    writeFileSync(file, text);
    const { loss, tokens } = run('evaluate', '--data', file);
    const { ids, tokensPerSec } = run(
      'sample',
      `--prompt=${text}`,
      '--tokens',
      String(TOKENS),
      '--temperature',
      '0',
    );
    const error = Math.abs(loss - loss64);
    const ok = tokens === n && error <= BOUND && ids.join() === greedy.slice(0, TOKENS).join();
    if (!ok) failed += 1;
    const facts = `${tokens} tokens, loss ${loss.toFixed(6)}, off by ${error.toExponential(1)} (bound ${BOUND}), ${tokensPerSec?.toFixed(0)} tokens/s`;
    process.stdout.write(`${ok ? 'ok    ' : 'FAILED'} ${JSON.stringify(text.slice(0, 40))}: ${facts}\n`);
  }
} finally {
  rmSync(folder, { recursive: true });
}
process.exit(failed > 0 ? 1 : 0);

function run(command, ...args) {
  const all = [CLI, command, '--init', model, '--json', ...args];
  const { status, stdout, stderr } = spawnSync(process.execPath, all, { encoding: 'utf8' });
  if (status === 0) return JSON.parse(stdout);
  process.stderr.write(stderr);
  process.exit(1);
}
