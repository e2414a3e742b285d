/** Files of earlier versions are read completely; files of later versions are refused by name. */
import { describe, expect, test } from 'vitest';
import { beginRun } from '../../src/cli/beginRun.ts';
import { openInitialModel } from '../../src/cli/initialModel.ts';
import { parseCommand, type TrainCommand } from '../../src/cli/options.ts';
import { ProgressLine } from '../../src/cli/progress.ts';
import { readModel } from '../../src/engine/checkpoint/modelFile.ts';
import { overridesOfModel } from '../../src/engine/checkpoint/modelSettings.ts';
import { openRun } from '../../src/engine/checkpoint/openRun.ts';
import { bytesSource } from '../../src/engine/checkpoint/randomAccess.ts';
import { openSafetensors } from '../../src/engine/checkpoint/safetensors.ts';
import { readTokenizerJson } from '../../src/engine/data/tokenizerJson.ts';
import { readSweep, writeSweep } from '../../src/engine/experiments/sweepFile.ts';
import { type SlotFile, Slots } from '../../src/session/storage/slots.ts';
import { readAddress } from '../../src/store/address.ts';
import { parseBundle } from '../../src/store/history/bundle.ts';
import { loadHistory } from '../../src/store/history/history.ts';
import { useHistory } from '../../src/store/history/historyStore.ts';
import type { RunStorage } from '../../src/store/history/storage.ts';
import { keepRunsIn } from '../../src/store/history/writing.ts';
import { DEFAULT_SETTINGS } from '../../src/store/settings.ts';
import { shareQuery } from '../../src/store/shareLink.ts';
import { sweepsOf } from '../../src/store/sweep/records.ts';
import { bytesOf, inCurrentNames, KNOWN, pathOf, RUN_NAMES, tensorsIn, textOf } from './oldFiles.ts';
import { thrownBy } from './thrownBy.ts';

describe.each(RUN_NAMES)('the run %s', (name) => {
  const { resumed: _, tensors, ...known } = KNOWN.runs[name];

  test('has its configuration, its progress and every tensor', async () => {
    const run = await openRun(bytesSource(name, bytesOf(`${name}.safetensors`)));
    const { progress, description } = run;
    expect({ ...description, progress }).toMatchObject(known);
    // Newer than the file: it means what every run had.
    expect(description.config.lrSchedule).toBe('cosine');
    expect(description.modeRevision).toBeUndefined();
    expect(await tensorsIn(run.file)).toEqual(tensors);
  });

  test('is resumed by the command line on its text, without other options', async () => {
    const text = known.text.builtin === null ? ['--data', pathOf('text.txt')] : [];
    const command = parseCommand(['--resume', pathOf(`${name}.safetensors`), ...text]) as TrainCommand;
    const { config, dataset } = await beginRun(command, new ProgressLine(process.stderr), () =>
      Promise.reject(new Error('a saved run has its own sizes: the adapter does not decide them')),
    );
    expect(config).toMatchObject(known.config);
    expect(dataset.checksum).toBe(known.text.checksum);
  });
});

test('a run in the private storage of the page is found complete', async () => {
  const save = bytesOf('page-bf16-split.safetensors');
  const slots = new Slots([
    fileOf(Buffer.concat([bytesOf('page-storage-header.bin'), save])),
    fileOf(Buffer.alloc(0)),
  ]);
  const newest = (await slots.newest())!;
  expect(newest.number).toBe(4);
  const run = await openRun(newest.source);
  expect(run.progress.attempted).toBe(KNOWN.runs['page-bf16-split'].progress.attempted);
  expect(await tensorsIn(run.file)).toEqual(KNOWN.runs['page-bf16-split'].tensors);
});

function fileOf(content: Buffer): SlotFile {
  return {
    size: () => content.length,
    read: (into, at) => content.copy(into, 0, at),
    write: () => 0,
    truncate: () => {},
    flush: () => {},
  };
}

test('an export is a model to start from, by its folder or by its weights alone', async () => {
  for (const path of ['export', 'export/model.safetensors']) {
    const model = await openInitialModel(pathOf(path), {});
    const shape = { layers: 2, heads: 2, width: 8, context: 16, tied: true };
    expect(overridesOfModel(model, {})).toMatchObject({ ...shape, tokenizer: 'char' });
    const values = await readModel(model.shape, model.weights);
    expect([...values.values()].every((value) => value.every(Number.isFinite))).toBe(true);
    expect(values.size).toBe(Object.keys(KNOWN.export).length);
  }
  const source = bytesSource('model.safetensors', bytesOf('export/model.safetensors'));
  expect(await tensorsIn(await openSafetensors(source))).toEqual(KNOWN.export);
});

interface KnownLink {
  readonly query: string;
}

test.each(JSON.parse(textOf('links.json')) as KnownLink[])('the link $query', ({ query, ...written }) => {
  const inLinks = (text: string) => inCurrentNames(text).replaceAll('lossScale', 'loss-scale');
  const known = JSON.parse(inLinks(JSON.stringify(written)));
  const address = readAddress(query, DEFAULT_SETTINGS);
  expect(address).toEqual({ autosave: undefined, ...known, problems: [] });
  // The page makes the same link of it, without the parameters that start training or stop animations.
  const shared = shareQuery({ ...DEFAULT_SETTINGS, ...address.settings });
  const pairs = (link: string) => [...new URLSearchParams(link)].sort();
  expect(pairs(shared)).toEqual(pairs(inLinks(query.replace('&autostart=1&ui=still&autosave=5', ''))));
});

test('a bundle of runs has every run with its curve and notes', () => {
  const { runs } = JSON.parse(inCurrentNames(textOf('page-runs.json')));
  expect(runs).toHaveLength(5);
  expect(parseBundle(textOf('page-runs.json'))).toMatchObject({ runs });
  const read = parseBundle(textOf('page-runs.json')) as { runs: readonly { config: object }[] };
  for (const { config } of read.runs) expect(config).toMatchObject({ lrSchedule: 'cosine' });
});

interface Stores {
  readonly stores: Readonly<Record<string, readonly (readonly [string, unknown])[]>>;
}
const databases: Readonly<Record<string, Stores>> = JSON.parse(textOf('page-databases.json'));
const storedIn = (database: string, store: string) =>
  databases[database]!.stores[store]!.map(([id, value]) => ({ id, value }));

test('the browser’s database of runs is read completely', async () => {
  const entries = storedIn('halfstep', 'runs');
  keepRunsIn({ all: async () => entries } as Partial<RunStorage> as RunStorage);
  await loadHistory();
  const { runs, unreadable } = useHistory.getState();
  expect(unreadable).toEqual([]);
  const byId = (some: readonly { id: string }[]) => [...some].sort((a, b) => (a.id < b.id ? -1 : 1));
  const read = JSON.parse(inCurrentNames(JSON.stringify(entries))) as typeof entries;
  expect(byId(runs)).toMatchObject(byId(read).map((entry) => (entry as { value?: object }).value!));
});

test('so is that of sweeps', () => {
  const { sweeps, unreadable } = sweepsOf(storedIn('halfstep-sweeps', 'entries'));
  expect(unreadable).toBe(0);
  expect(sweeps.map(({ cells }) => cells.length)).toEqual([4]);
});

test.each([
  ['terminal-sweep.json', 8],
  ['page-sweep.json', 4],
])('the sweep %s has its %i cells', (name, cells) => {
  const sweep = readSweep(textOf(name), name);
  expect(sweep.cells).toHaveLength(cells);
  const written = writeSweep(sweep);
  const { settings, grid, cells: read } = JSON.parse(inCurrentNames(textOf(name)));
  expect(JSON.parse(written)).toMatchObject({ settings, grid, cells: read });
  expect(readSweep(written, name)).toEqual(sweep);
});

describe('a file of a later version is refused with its version and a hint', () => {
  /** Returns the file with its format version changed. */
  const later = (name: string) =>
    textOf(name).replace('"version": 1', '"version": 2').replace('"version":1', '"version":2');

  test('a sweep', () => {
    const error = thrownBy(() => readSweep(later('page-sweep.json'), 'page-sweep.json'));
    expect(error.message).toBe(
      '"page-sweep.json" is a sweep of format version 2; this program reads version 1.',
    );
    expect(error.hint).toMatch(/version of Halfstep that wrote it.* not changed/);
  });

  test('a bundle of runs', () => {
    const reading = parseBundle(later('page-runs.json'));
    expect(reading).toMatchObject({
      problem: { message: 'The bundle has version 2, and this page reads version 1.' },
    });
  });

  test('an export with a tokenizer of another kind', () => {
    expect(thrownBy(() => readTokenizerJson('{"kind":"unigram"}', 'model.safetensors'))).toMatchObject({
      message:
        '"model.safetensors" has a tokenizer that is of an unknown kind; the kinds are char, byte, bpe, gpt2 and loaded.',
      hint: expect.stringMatching(/version of Halfstep that wrote it/),
    });
  });

  test('a run', async () => {
    const bytes = bytesOf('terminal-fp16.safetensors');
    const at = bytes.indexOf('{\\"version\\":1,');
    bytes.write('2', at + '{\\"version\\":'.length);
    await expect(openRun(bytesSource('run.safetensors', bytes))).rejects.toMatchObject({
      code: 'WRONG_RUN',
      message: '"run.safetensors" is a run of format version 2; this program reads version 1.',
    });
  });
});
