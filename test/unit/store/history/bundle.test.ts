import * as v from 'valibot';
import { expect, test } from 'vitest';
import {
  MAX_BUNDLE_BYTES,
  parseBundle,
  readBundle,
  writeBundle,
} from '../../../../src/store/history/bundle.ts';
import { curveOf } from '../../../../src/store/history/curve.ts';
import { runRecord } from '../../../../src/store/history/record.ts';
import { logOfSteps, record, step } from './fixtures.ts';

type Parsed = ReturnType<typeof JSON.parse>;

const runs = [
  record(),
  record({ id: 'two', name: '<script>alert(1)</script>', summary: null, outcome: 'failed' }),
];

function refusal(text: string): string {
  const reading = parseBundle(text);
  if (!('problem' in reading)) throw new Error('it was read');
  return `${reading.problem.message} ${reading.problem.hint}`;
}

const edited = (edit: (bundle: Parsed) => void): string => {
  const bundle = JSON.parse(writeBundle(runs));
  edit(bundle);
  return JSON.stringify(bundle);
};

test('a written bundle is read back unchanged', () => {
  expect(parseBundle(writeBundle(runs))).toEqual({ runs });
  expect(parseBundle(writeBundle([]))).toEqual({ runs: [] });
});

test('a run whose adapter said at length why it does not use its matrix units is read back', () => {
  const kernels = {
    matmul: 'tiled',
    subgroupMatrix: `not used: ${'x'.repeat(1990)}`,
    note: 'y'.repeat(2000),
  };
  const { facts } = record();
  const told = [record({ facts: { ...facts, kernels } })];
  expect(parseBundle(writeBundle(told))).toEqual({ runs: told });
});

test('the mean of log Z of a run that reports it is read back', () => {
  const curve = curveOf(logOfSteps([step(1, { logZ: 4.5 }), step(2, { logZ: null })]), 512);
  const kept = [record({ curve })];
  expect(parseBundle(writeBundle(kept))).toEqual({ runs: kept });
  const damaged = writeBundle(kept).replace('"logZ":[4.5,', '"logZ":[');
  expect(refusal(damaged)).toMatch(/equally long/);
});

test('figures that older versions did not measure are read as not measured', () => {
  const older = edited((b) => {
    delete b.runs[0].summary.gpuMsPerStep;
    delete b.runs[0].summary.gradientsFlushed;
    delete b.runs[0].facts.changes;
  });
  expect(parseBundle(older)).toMatchObject({
    runs: [
      { summary: { gpuMsPerStep: null, gradientsFlushed: null }, facts: { changes: [] } },
      { summary: null },
    ],
  });
});

test('a truncated bundle is refused with its length', () => {
  const whole = writeBundle(runs);
  for (const share of [0, 0.1, 0.5, 0.999]) {
    const cut = whole.slice(0, Math.floor(share * whole.length));
    expect(refusal(cut)).toMatch(
      new RegExp(`incomplete JSON of ${cut.length} characters.*Nothing was imported`),
    );
  }
});

test.each([
  ['[]', /not a bundle of runs/],
  ['null', /not a bundle of runs/],
  ['{"format":"halfstep-runs"}', /version undefined, and this page reads version 1/],
  ['{"format":"halfstep-runs","version":7,"runs":[]}', /version 7, and this page reads version 1/],
  ['{"format":"halfstep-runs","version":1}', /at runs: /],
])('%s is refused with the reason', (text, why) => expect(refusal(text)).toMatch(why));

test.each<[string, (bundle: Parsed) => void, RegExp]>([
  [
    'a wrong type',
    (b) => {
      b.runs[1].curve.loss[2] = 'x';
    },
    /at runs\[1\]\.curve\.loss\[2\]: .*"x"/,
  ],
  [
    'an unknown mode',
    (b) => {
      b.runs[0].config.precision = 'fp9';
    },
    /at runs\[0\]\.config\.precision/,
  ],
  [
    'an object in the configuration',
    (b) => {
      b.runs[0].config.extra = {};
    },
    /at runs\[0\]\.config\.extra/,
  ],
  [
    'unequal columns',
    (b) => {
      b.runs[0].curve.lr.pop();
    },
    /at runs\[0\]\.curve: .*equally long/,
  ],
  [
    'steps that go back',
    (b) => {
      b.runs[0].curve.step[2] = 1;
    },
    /at runs\[0\]\.curve: .*increase/,
  ],
  [
    'a name without end',
    (b) => {
      b.runs[0].name = 'x'.repeat(1e6);
    },
    /at runs\[0\]\.name: .{0,200}\. It was changed/,
  ],
  [
    'an empty name',
    (b) => {
      b.runs[0].name = '  ';
    },
    /at runs\[0\]\.name/,
  ],
  [
    'an id that is none',
    (b) => {
      b.runs[0].id = '../<img>';
    },
    /at runs\[0\]\.id/,
  ],
  [
    'a date beyond all dates',
    (b) => {
      b.runs[0].time = 1e300;
    },
    /at runs\[0\]\.time/,
  ],
  [
    'a record of another version',
    (b) => {
      b.runs[0].version = 2;
    },
    /at runs\[0\]\.version/,
  ],
])('%s is refused with its place', (_, edit, why) => expect(refusal(edited(edit))).toMatch(why));

test('unknown fields are dropped and reach no prototype', () => {
  const text = edited((bundle) => {
    bundle.runs[0].extra = 1;
  }).replace('"extra":1', '"__proto__":{"polluted":true},"extra":1');
  const reading = parseBundle(text);
  expect(reading).toEqual({ runs });
  expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
});

test('a file that is too large is refused without being read', async () => {
  const giant = { size: 2 ** 31, text: () => Promise.reject(new Error('read')) } as unknown as Blob;
  const reading = await readBundle(giant);
  expect(reading).toMatchObject({
    problem: { message: 'The file has 2048 MiB; a bundle may have at most 64 MiB.' },
  });
  expect(MAX_BUNDLE_BYTES).toBe(64 * 2 ** 20);
});

test('an unreadable file is reported', async () => {
  const gone = { size: 10, text: () => Promise.reject(new DOMException('it is gone', 'NotFoundError')) };
  expect(await readBundle(gone as unknown as Blob)).toMatchObject({
    problem: { message: expect.stringContaining('it is gone') },
  });
});

test('a record of a version without layer kinds gets those of GPT-2', () => {
  const { norm, mlp, ...older } = record().config;
  expect([norm, mlp]).toEqual(['layernorm', 'gelu']);
  const parsed = v.parse(runRecord, { ...record(), config: older });
  expect(parsed.config).toMatchObject({ norm: 'layernorm', mlp: 'gelu' });
  const others = { ...record().config, norm: 'rmsnorm', mlp: 'relu2' };
  expect(v.parse(runRecord, { ...record(), config: others }).config).toMatchObject(others);
});
