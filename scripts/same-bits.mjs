/**
 * Checks that two checkouts compute the same bits. It trains 20 steps in both with each run of a pairwise cover of modes,
 * optimizer states, recompute levels and other options, and compares losses, gradient norms, evaluations and saved tensors.
 *
 *   npm run same-bits -- OLD NEW                   two folders in which `npm ci` has run
 *   npm run same-bits -- OLD NEW --markdown FILE   also writes the table
 *
 * It uses only the command line, so that it works across any changes of the code. Exits with 1 when a bit differs.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { commitOf } from './checkout.mjs';
import { commandOf, differingOptions, optionsMissingIn } from './same-bits/cases.mjs';
import { differences } from './same-bits/compare.mjs';

const USAGE = 'Usage: npm run same-bits -- OLD NEW [--jobs N] [--markdown FILE]';

function readArguments() {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: { jobs: { type: 'string' }, markdown: { type: 'string' } },
    });
    const jobs = Number(values.jobs ?? availableParallelism());
    if (positionals.length !== 2) throw new Error(`give two checkouts, not ${positionals.length}`);
    if (!Number.isInteger(jobs) || jobs < 1)
      throw new Error(`--jobs is "${values.jobs}": give a whole number above 0`);
    return { checkouts: positionals.map((path) => resolve(path)), jobs, markdown: values.markdown };
  } catch (error) {
    console.error(`error: ${error.message}\n${USAGE}`);
    process.exit(2);
  }
}

/** Runs the checkout's own command line and returns its standard output; rejects with its error messages. */
function runCommand(checkout, args) {
  return new Promise((done, fail) => {
    const child = spawn(process.execPath, [join(checkout, 'scripts', 'cli.mjs'), ...args], { cwd: checkout });
    const output = { stdout: '', stderr: '' };
    for (const stream of ['stdout', 'stderr'])
      child[stream].setEncoding('utf8').on('data', (text) => (output[stream] += text));
    child.on('error', fail);
    child.on('close', (code) =>
      code === 0
        ? done(output.stdout)
        : fail(new Error(output.stderr.trim().split('\n').slice(-3).join(' '))),
    );
  });
}

const { checkouts, jobs, markdown } = readArguments();
const folder = mkdtempSync(join(tmpdir(), 'same-bits-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));

async function trainIn(checkout, args, name) {
  const file = join(folder, `${name}.safetensors`);
  const output = await runCommand(checkout, [...args, '--save', file]);
  const lines = output
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  return { lines, file };
}

async function compareRun(options, index) {
  const runs = [];
  try {
    for (const [side, checkout] of checkouts.entries())
      runs.push(await trainIn(checkout, commandOf(options, helps[side]), `${index}-${side}`));
    const found = differences(...runs);
    const { finalLoss, adapter } = runs[0].lines.at(-1);
    return { options, loss: finalLoss, adapter, found };
  } catch (error) {
    const where = runs.length === 0 ? 'old' : 'new';
    return { options, loss: null, found: [`the ${where} checkout failed: ${error.message}`] };
  } finally {
    for (const { file } of runs) rmSync(file, { force: true });
  }
}

// The first command in a checkout builds it, which must not happen twice at the same time.
const helps = [];
for (const checkout of checkouts) helps.push(await runCommand(checkout, ['train', '--help']));
const leftOut = optionsMissingIn(helps[0]);
const omitted =
  leftOut.length === 0
    ? ''
    : ` Not varied, because the old checkout does not have them: ${leftOut.map((option) => `--${option}`).join(', ')}.`;
if (omitted) console.log(omitted.trim());
const cases = [...differingOptions(leftOut, helps[0]).entries()];
const results = [];
async function work() {
  for (let next = cases.shift(); next; next = cases.shift()) {
    const [index, options] = next;
    const result = await compareRun(options, index);
    results[index] = result;
    console.log(`${result.found.length === 0 ? 'same' : 'DIFFERS'}  ${options.join(' ')}`);
    for (const sentence of result.found) console.log(`         ${sentence}`);
  }
}
await Promise.all(Array.from({ length: jobs }, work));

const differing = results.filter(({ found }) => found.length > 0);
const summary = `${results.length - differing.length} of ${results.length} runs have the same bits`;
if (markdown) {
  const rows = results.map(
    ({ options, loss, found }) =>
      `| \`${options.join(' ')}\` | ${loss ?? ''} | ${found.length === 0 ? 'same' : found.join('; ')} |`,
  );
  const [old, next] = checkouts.map(commitOf);
  const about = `\`npm run same-bits\`: commit ${old} and ${next}, ${results[0].adapter}, Node ${process.version}, ${new Date().toISOString().slice(0, 10)}. ${summary}.${omitted}`;
  writeFileSync(
    markdown,
    [about, '', '| options | last loss | bits |', '| --- | --- | --- |', ...rows, ''].join('\n'),
  );
}
console.log(summary);
process.exitCode = differing.length > 0 ? 1 : 0;
