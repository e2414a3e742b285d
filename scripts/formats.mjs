/**
 * Trains every mode of the product on one small model and writes the tables of docs/ anew: `npm run formats -- --data FILE`.
 *
 * Each finished cell is in the file of results before the next one starts. Started again, the command continues with the cells
 * that are missing; a run that was interrupted leaves none. It uses the command line only, so that a cell is the run that its
 * `command` says.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { commitOfPaths } from './checkout.mjs';
import { allCells, cellName, chosenCells, optionsOf } from './formats/cells.mjs';
import { writeTables } from './formats/documents.mjs';
import { addResult, checkText, readResults, recordOf } from './formats/results.mjs';
import { markdownOf } from './formats/tables.mjs';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
/** What a run is built from. Tables and results may change while cells are trained. */
const TRAINED_FROM = ['src', 'shaders', 'build', 'package-lock.json'];
const USAGE = `Usage: npm run formats -- --data FILE [--only NAMES]   trains the cells that are missing
       npm run formats -- --list [--only NAMES]        lists cells and their losses
       npm run formats -- --tables                     writes the tables of docs/ from the results
       npm run formats -- --markdown FILE              writes all tables into a file, with where they were measured

  --only NAMES     groups or names of cells, separated by commas; * stands for anything: int8,a/nvfp4*
  --results FILE   the file of results; bench/results/formats.json. Give another one for another text or adapter.`;

function readArguments() {
  try {
    const { values } = parseArgs({
      options: {
        data: { type: 'string' },
        only: { type: 'string' },
        results: { type: 'string', default: join(ROOT, 'bench', 'results', 'formats.json') },
        list: { type: 'boolean' },
        tables: { type: 'boolean' },
        markdown: { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
    });
    if (values.help) {
      console.log(USAGE);
      process.exit(0);
    }
    const trains = !values.list && !values.tables && values.markdown === undefined;
    if (trains && values.data === undefined)
      throw new Error('a text is missing: give --data FILE (docs/choosing.md says which)');
    return { ...values, cells: chosenCells(values.only, allCells()) };
  } catch (error) {
    console.error(`error: ${error.message}\n${USAGE}`);
    process.exit(2);
  }
}

/** Trains a cell. @returns its lines, its error messages and its exit code */
function train(cell, data) {
  const args = ['train', ...optionsOf(cell), '--data', data, '--json'];
  const child = spawn(process.execPath, [join(ROOT, 'scripts', 'cli.mjs'), ...args], { cwd: process.cwd() });
  // An interrupt ends the run at once: it would otherwise end with a summary of fewer steps.
  const stop = () => {
    child.kill('SIGKILL');
    process.exit(130);
  };
  process.once('SIGINT', stop).once('SIGTERM', stop);
  const output = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr'])
    child[stream].setEncoding('utf8').on('data', (text) => (output[stream] += text));
  return new Promise((done) => {
    child.on('close', (code) => {
      process.off('SIGINT', stop).off('SIGTERM', stop);
      const lines = output.stdout.split('\n').filter((line) => line.startsWith('{'));
      done({ lines: lines.map((line) => JSON.parse(line)), problem: output.stderr.trim(), code });
    });
  });
}

async function finish(cell, { data, text, results }) {
  const started = performance.now();
  const commit = commitOfPaths(ROOT, TRAINED_FROM);
  const { lines, problem, code } = await train(cell, data);
  const record = recordOf(lines);
  if (!record) throw new Error(problem.split('\n').slice(-3).join(' '));
  const { bench, arm, seed } = cell;
  addResult(results, {
    ...{ bench, arm, seed },
    ...record,
    stopped:
      code === 0
        ? null
        : (problem.split('\n').findLast((line) => line.startsWith('error:')) ?? `exit code ${code}`),
    commit,
    text,
    date: new Date().toISOString().slice(0, 10),
    seconds: Math.round((performance.now() - started) / 1000),
    command: `npm run train -- ${optionsOf(cell).join(' ')} --data ${basename(data)} --json`,
  });
  return record;
}

const { data, cells, list, markdown, results, tables } = readArguments();
if (tables) {
  for (const line of writeTables(ROOT, readResults(results))) console.log(line);
} else if (markdown !== undefined) {
  writeFileSync(markdown, markdownOf(readResults(results)));
} else if (list) {
  const finished = readResults(results);
  for (const cell of cells) {
    const found = finished.get(cellName(cell));
    const state = found ? (found.stopped ?? `loss ${found.loss?.toFixed(4)}`) : 'missing';
    console.log(`${cellName(cell)}  ${state}  (${cell.groups.join(', ')})`);
  }
} else {
  const text = createHash('sha256').update(readFileSync(data)).digest('hex').slice(0, 16);
  checkText(readResults(results), text, results);
  let failed = 0;
  for (const cell of cells) {
    if (readResults(results).has(cellName(cell))) continue;
    try {
      const { loss, skippedSteps } = await finish(cell, { data, text, results });
      console.log(`${cellName(cell)}: validation loss ${loss}, ${skippedSteps} skipped`);
    } catch (error) {
      failed++;
      console.error(`${cellName(cell)} failed: ${error.message}`);
    }
  }
  process.exit(failed > 0 ? 1 : 0);
}
