/**
 * Compares how long a step takes in two checkouts. It trains the same run in both, in turns of a few seconds, and compares
 * neighbouring turns, so that a machine that slows down slows both.
 *
 *   npm run same-speed -- OLD NEW                          two folders in which `npm ci` has run
 *   npm run same-speed -- OLD NEW --shapes b --precision fp8 --markdown FILE
 *
 * It uses the command line only. Each side is a process of its own, halted (SIGSTOP) during the other's turn. It needs
 * Linux: it also reads the processor time of each turn from /proc, which on a software adapter is the work of a step, whatever
 * else the machine does. A ratio is old / new: above 1 the new checkout is faster. The interval is a 95 % confidence interval
 * of the median, from ranks. Memory layout can favour a process for its whole life, so both are started anew several times.
 */
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { commitOf } from './checkout.mjs';

const USAGE =
  'Usage: npm run same-speed -- OLD NEW [--shapes a,b] [--precision LIST] [--starts N] [--turns N] [--seconds N] [--markdown FILE]';

/** The two shapes in which WebGPU trainers are compared; `npm run bench` trains them too. */
const SHAPES = {
  a: '--layers 4 --heads 4 --width 128 --ctx 64 --batch 12 --tokenizer char',
  b: '--layers 4 --heads 4 --width 256 --ctx 256 --batch 4 --tokenizer byte',
};
const WARM_UP_STEPS = 5;

function wholeNumber(values, name) {
  const number = Number(values[name]);
  if (!Number.isInteger(number) || number < 1)
    throw new Error(`--${name} is "${values[name]}": give a whole number above 0`);
  return number;
}

function readArguments() {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: {
        shapes: { type: 'string', default: 'a,b' },
        precision: { type: 'string', default: 'fp32,fp16,bf16,fp8' },
        starts: { type: 'string', default: '3' },
        turns: { type: 'string', default: '8' },
        seconds: { type: 'string', default: '2' },
        markdown: { type: 'string' },
      },
    });
    if (positionals.length !== 2) throw new Error(`give two checkouts, not ${positionals.length}`);
    const shapes = values.shapes.split(',');
    const unknown = shapes.find((shape) => !(shape in SHAPES));
    if (unknown !== undefined) throw new Error(`there is no shape "${unknown}": give a, b or both`);
    const [starts, turns, seconds] = ['starts', 'turns', 'seconds'].map((name) => wholeNumber(values, name));
    return {
      checkouts: positionals.map((path) => resolve(path)),
      ...{
        shapes,
        precisions: values.precision.split(','),
        starts,
        turns,
        seconds,
        markdown: values.markdown,
      },
    };
  } catch (error) {
    console.error(`error: ${error.message}\n${USAGE}`);
    process.exit(2);
  }
}

/** Processor time of all processes of a group, in ticks. Fields of /proc/PID/stat are indexed from after the parenthesised name. */
function processorTime(group) {
  let ticks = 0;
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    let text;
    try {
      text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    } catch {
      continue; // it has ended
    }
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    if (Number(fields[2]) === group) ticks += Number(fields[11]) + Number(fields[12]);
  }
  return ticks;
}

/** A training run in a process of its own that works only while somebody waits for its steps. */
class Side {
  steps = 0;
  #child;
  #rest = '';
  #error = '';
  #wake = () => {};

  constructor(checkout, args) {
    // Its own process group: the command line starts others.
    this.#child = spawn(process.execPath, [join(checkout, 'scripts', 'cli.mjs'), ...args], {
      cwd: checkout,
      detached: true,
    });
    this.#child.stderr.setEncoding('utf8').on('data', (text) => (this.#error += text));
    this.#child.stdout.setEncoding('utf8').on('data', (text) => {
      const lines = (this.#rest + text).split('\n');
      this.#rest = lines.pop();
      this.steps += lines.filter((line) => line.startsWith('{"type":"step"')).length;
      this.#wake();
    });
    this.ended = new Promise((done) =>
      this.#child.on('close', (code) => {
        done(code);
        this.#wake();
      }),
    );
  }

  #signal(name) {
    process.kill(-this.#child.pid, name);
  }

  /** Works until `wanted` steps are done, then halts. @returns {Promise<{ wall: number, processor: number }>} */
  async until(wanted) {
    const { pid } = this.#child;
    const start = performance.now();
    const ticks = processorTime(pid);
    this.#signal('SIGCONT');
    while (this.steps < wanted) {
      const woken = new Promise((wake) => (this.#wake = wake));
      await woken;
      if (this.#child.exitCode !== null) throw new Error(this.#error.trim() || 'a run ended too early');
    }
    this.#signal('SIGSTOP');
    return { wall: performance.now() - start, processor: processorTime(pid) - ticks };
  }

  async end() {
    if (this.#child.exitCode !== null) return;
    this.#signal('SIGKILL');
    await this.ended;
  }
}

/** @returns {Promise<{ wall: number, processor: number }[]>} old / new of neighbouring turns, from one start of both */
async function pairsOfTurns(checkouts, args, turns, milliseconds, first) {
  const sides = [];
  try {
    for (const checkout of checkouts) {
      const side = new Side(checkout, args);
      sides.push(side);
      await side.until(WARM_UP_STEPS);
    }
    const { wall } = await sides[first].until(sides[first].steps + WARM_UP_STEPS);
    const steps = Math.max(2, Math.round((milliseconds / wall) * WARM_UP_STEPS));
    await sides[1 - first].until(sides[1 - first].steps + WARM_UP_STEPS);
    const ratios = [];
    for (let turn = 0; turn < turns; turn++) {
      const times = [];
      // Each goes first in every other pair: so that the cost of resuming after a halt does not always hit the same one.
      for (const index of (turn + first) % 2 === 0 ? [0, 1] : [1, 0])
        times[index] = await sides[index].until(sides[index].steps + steps);
      const [old, next] = times;
      ratios.push({ wall: old.wall / next.wall, processor: old.processor / next.processor });
    }
    return ratios;
  } finally {
    for (const side of sides) await side.end();
  }
}

/** The median, and the pair of ranks that contains it in 95 of 100 samples (binomial, normal approximation). */
function middle(ratios) {
  const sorted = ratios.toSorted((x, y) => x - y);
  const n = sorted.length;
  const reach = (1.96 * Math.sqrt(n)) / 2;
  const at = (rank) => sorted[Math.min(n - 1, Math.max(0, rank))];
  const median = (at(Math.floor((n - 1) / 2)) + at(Math.ceil((n - 1) / 2))) / 2;
  return [median, at(Math.floor(n / 2 - reach)), at(Math.ceil(n / 2 + reach) - 1)];
}

const { checkouts, shapes, precisions, starts, turns, seconds, markdown } = readArguments();
const rows = [];
for (const shape of shapes)
  for (const precision of precisions) {
    const args =
      `train --preset smoke ${SHAPES[shape]} --precision ${precision} --steps 100000 --eval-every 0 --sample 0 --json`.split(
        ' ',
      );
    const ratios = [];
    for (let start = 0; start < starts; start++)
      ratios.push(...(await pairsOfTurns(checkouts, args, turns, seconds * 1000, start % 2)));
    const [wall, processor] = ['wall', 'processor'].map((kind) => {
      const [median, low, high] = middle(ratios.map((ratio) => ratio[kind])).map((ratio) => ratio.toFixed(3));
      return `${median} (${low} to ${high})`;
    });
    rows.push([shape, precision, wall, processor, ratios.length]);
    console.log(
      `shape ${shape} ${precision}: old / new in time ${wall}, in processor time ${processor}, ${ratios.length} pairs of turns`,
    );
  }

if (markdown) {
  const [old, next] = checkouts.map(commitOf);
  const about = `\`npm run same-speed\`: commit ${old} and ${next}, ${cpus().length} cores, Node ${process.version}, ${new Date().toISOString().slice(0, 10)}. A step in the old commit / in the new one, above 1 the new commit is faster: the median over all pairs, and its 95 % confidence interval.`;
  writeFileSync(
    markdown,
    [
      about,
      '',
      '| shape | mode | time | processor time | pairs of turns |',
      '| --- | --- | --- | --- | --- |',
      ...rows.map((row) => `| ${row.join(' | ')} |`),
      '',
    ].join('\n'),
  );
}
