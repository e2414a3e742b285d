import { spawnSync } from 'node:child_process';
import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { readArguments } from '../../src/cli/arguments.ts';
import {
  checkReportPath,
  writeAllAtomically,
  writeAtomically,
  writePiecesAtomically,
} from '../../src/cli/atomicFile.ts';
import { EXPERIMENT_OPTIONS, experimentOf, passedOn } from '../../src/cli/experimentOptions.ts';
import { lockFile } from '../../src/cli/fileLock.ts';
import { trainEach } from '../../src/cli/lab.ts';
import { loadSweep, SweepFile } from '../../src/cli/sweepStore.ts';
import { type SweepCell, sweepGrid } from '../../src/engine/experiments/sweep.ts';
import { thrownBy } from './thrownBy.ts';

const parse = (line: string) =>
  experimentOf(
    readArguments('compare', [...EXPERIMENT_OPTIONS, ...passedOn([])], line.split(' ').filter(Boolean)),
  );

test('options of a run are passed on, and modes and seeds are the experiment’s', () => {
  expect(
    parse('--modes bf16,fp32 --seeds 3 --preset smoke --steps 9 --lr 2e-3 --untied --text copy'),
  ).toEqual({
    preset: expect.objectContaining({ name: 'smoke' }),
    presetOpen: false,
    given: { steps: 9, learningRate: 2e-3, tied: false },
    modes: ['bf16', 'fp32'],
    seeds: 3,
    text: { kind: 'builtin', id: 'copy' },
  });
  expect(parse('')).toMatchObject({ modes: ['fp32', 'fp16', 'bf16'], seeds: 1, given: {} });
  expect(passedOn(['lr']).map(({ name }) => name)).not.toContain('lr');
  // Options that an experiment does not use do not exist for it.
  expect(passedOn([]).map(({ name }) => name)).not.toContain('numerics-every');
});

test.each([
  ['--modes fp32,fp17', '"fp17"', 'Did you mean'],
  ['--modes fp32,,bf16', '""', 'Choose one of'],
  ['--modes fp32,fp32', 'mode fp32 was given twice', 'Leave one'],
  ['--modes=', '--modes needs a value', ''],
  ['--seeds 0', '--seeds is "0"', 'at least 1'],
  ['--seeds -1', '--seeds is "-1"', 'at least 1'],
  ['--seeds 101', '--seeds is 101', 'from 1 to 100'],
  ['--precision fp16', 'There is no setting "precision"', ''],
  ['--final-weights best', 'There is no setting "final-weights"', ''],
])('%s is refused by name', (line, message, hint) => {
  const error = thrownBy(() => parse(line));
  expect(error.isUsage).toBe(true);
  expect(error.message).toContain(message);
  expect(error.hint).toContain(hint);
});

test('an unknown option names the help of its own command', () => {
  for (const command of ['compare', 'sweep']) {
    const { hint } = thrownBy(() => readArguments(command, passedOn([]), ['--max-iters', '1']));
    expect(hint).toBe(`npm run ${command} -- --help lists all of them.`);
  }
});

test('a run that fails does not affect the results of earlier runs', async () => {
  const failure = new Error('no memory');
  const train = async (run: number) => {
    if (run === 3) throw failure;
    return run === 5 ? null : 10 * run;
  };
  expect(await trainEach([1, 2, 3, 4], train)).toEqual({ results: [10, 20], failure });
  expect(await trainEach([1, 2, 4], train)).toEqual({ results: [10, 20, 40], failure: undefined });
  // The run was stopped with Ctrl-C.
  expect(await trainEach([1, 5, 2], train)).toEqual({ results: [10], failure: undefined });
});

describe('files', () => {
  let folder: string;
  const at = (name: string) => join(folder, name);
  const GRID = sweepGrid(['fp32'], [1e-3], 2, 1);
  const cell = (seed: number): SweepCell => ({
    ...{ mode: 'fp32', learningRate: 1e-3, seed, loss: 2, stopped: null },
    ...{ steps: 4, skippedSteps: 0, tokensPerSec: null, seconds: 1 },
  });
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'halfstep-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  test('are replaced atomically, without leaving temporary files', () => {
    writeAtomically(at('a.json'), 'first');
    writeAtomically(at('a.json'), 'second');
    expect(readFileSync(at('a.json'), 'utf8')).toBe('second');
    expect(readdirSync(folder)).toEqual(['a.json']);
    expect(thrownBy(() => writeAtomically(at('none/a.json'), '')).message).toContain('none/a.json');
  });

  test('are replaced at the target of a link, with their old permissions', async () => {
    mkdirSync(at('disk'));
    const [link, file] = [at('link'), at('disk/file')];
    for (const write of [
      async () => writeAtomically(link, 'after'),
      () => writePiecesAtomically(link, pieces('after')),
    ]) {
      rmSync(link, { force: true });
      writeFileSync(file, 'before', { mode: 0o600 });
      symlinkSync(file, link);
      await write();
      expect(readFileSync(file, 'utf8')).toBe('after');
      expect(statSync(file).mode & 0o777).toBe(0o600);
      expect(lstatSync(link).isSymbolicLink()).toBe(true);
      expect(readdirSync(at('disk'))).toEqual(['file']);
      rmSync(file);
    }
  });

  test('a report that cannot be written is refused early, and never overwrites a sweep', () => {
    mkdirSync(at('folder'));
    symlinkSync('/dev/null', at('null'));
    SweepFile.open(at('s.json'), { steps: 4 }, GRID);
    for (const [path, why] of [
      ['none/a.md', 'none'],
      ['folder', 'it is a folder'],
      ['null', 'it is a device or a pipe'],
      ['s.json', 'it contains a sweep'],
    ] as const) {
      expect(thrownBy(() => checkReportPath(at(path))).message).toContain(why);
    }
    checkReportPath(at('new.md'));
  });

  test('a sweep keeps every cell, whichever process adds it', () => {
    const one = SweepFile.open(at('s.json'), { steps: 4 }, GRID);
    const other = SweepFile.open(at('s.json'), { steps: 4 }, sweepGrid(['fp32'], [1e-2], 1, 1));
    one.add(cell(1));
    other.add(cell(2));
    expect(loadSweep(at('s.json'))).toEqual({
      settings: { steps: 4 },
      grid: { modes: ['fp32'], learningRates: [1e-3, 1e-2], seeds: [1, 2] },
      cells: [cell(1), cell(2)],
    });
  });

  test('a lock lets one process at a time use a file, and the lock of an ended process is replaced', () => {
    const unlock = lockFile(at('s.json'));
    const { message, hint } = thrownBy(() => lockFile(at('s.json')));
    expect(message).toContain(`process ${process.pid} on ${hostname()}`);
    expect(hint).toContain('s.json.lock');
    unlock();
    expect(readdirSync(folder)).toEqual([]);

    const { pid } = spawnSync(process.execPath, ['--version']);
    writeFileSync(at('s.json.lock'), `${pid} ${hostname()}`);
    const again = lockFile(at('s.json'));
    expect(readFileSync(at('s.json.lock'), 'utf8')).toBe(`${process.pid} ${hostname()}`);
    again();

    // A lock of an earlier process with the same id, which is common in containers.
    writeFileSync(at('s.json.lock'), `${process.pid} ${hostname()}`);
    const last = lockFile(at('s.json'));
    // Another process has deleted the lock and created its own, which must not be released.
    writeFileSync(at('s.json.lock'), `${pid} elsewhere`);
    last();
    expect(thrownBy(() => lockFile(at('s.json'))).message).toContain(`process ${pid} on elsewhere`);
    expect(thrownBy(() => lockFile(at('none/s.json'))).message).toContain(
      `there is no folder "${at('none')}"`,
    );
  });

  test('a lock of another host is kept, and the message says how to find its process and remove the lock', () => {
    const lock = at('s.json.lock');
    writeFileSync(lock, '4711 node-7.cluster');
    const { code, message, hint } = thrownBy(() => lockFile(at('s.json')));
    expect(code).toBe('BAD_VALUE');
    expect(message).toBe(`"${at('s.json')}" is in use by process 4711 on node-7.cluster.`);
    expect(hint).toContain(`This host, ${hostname()}, cannot see that process`);
    expect(hint).toContain('"ps -p 4711" on node-7.cluster');
    expect(hint).toContain(`rm "${lock}"`);
    expect(readFileSync(lock, 'utf8')).toBe('4711 node-7.cluster');
  });

  test.each(['', 'not a lock', 'x'])('a lock that names no process ("%s") is kept', (content) => {
    const lock = at('s.json.lock');
    writeFileSync(lock, content);
    const { message, hint } = thrownBy(() => lockFile(at('s.json')));
    expect(message).toBe(`"${at('s.json')}" is in use by another process, which "${lock}" does not name.`);
    expect(hint).toContain(`rm "${lock}"`);
    expect(readFileSync(lock, 'utf8')).toBe(content);
  });

  test('a report that cannot be written does not keep the other from being written', () => {
    const [first, second] = [at('none/a.md'), at('b.json')];
    const write = () =>
      writeAllAtomically([
        { path: first, content: () => 'a' },
        { path: undefined, content: () => 'nowhere' },
        { path: second, content: () => 'b' },
      ]);
    expect(thrownBy(write).message).toContain('none/a.md');
    expect(readFileSync(second, 'utf8')).toBe('b');
  });

  test('files of another sweep, damaged ones and others are refused and not changed', () => {
    expect(loadSweep(at('none.json'))).toBeNull();
    SweepFile.open(at('s.json'), { steps: 4 }, GRID).add(cell(1));
    const whole = readFileSync(at('s.json'), 'utf8');
    const refused = (message: string) => {
      const before = readFileSync(at('s.json'), 'utf8');
      expect(thrownBy(() => SweepFile.open(at('s.json'), { steps: 5 }, GRID)).message).toContain(message);
      expect(readFileSync(at('s.json'), 'utf8')).toBe(before);
    };
    refused('steps was 4 and is now 5');
    writeFileSync(at('s.json'), whole.slice(0, 200));
    refused('damaged');
    writeFileSync(at('s.json'), '{"adapter":"x"}');
    refused('is not a sweep');
  });
});

async function* pieces(...texts: readonly string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield new TextEncoder().encode(text);
}
