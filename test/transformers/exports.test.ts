/**
 * Opens exports with transformers, in Python: `PYTHON=VENV/bin/python npm run test:transformers [-- FOLDER]`, where VENV has
 * torch and transformers. A short run of every family and kind of tokenizer is exported; transformers must find every tensor,
 * give the same ids for a text, the same logits, and the same greedy tokens. FOLDER is a model of Hugging Face's form to read
 * and export as well, with its greedy tokens in an expected.json, as of stories260K.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';
import { exportModel } from '../../src/cli/exportModel.ts';
import { FAMILIES } from '../../src/engine/checkpoint/families.ts';
import { convertModel } from '../../src/package/models.ts';
import { openModelFolder } from '../../src/package/node.ts';
import { greedyIds } from './greedy.ts';
import {
  HUGGING_FACE_RUNS,
  NEW_TOKENS,
  nameOf,
  OTHER_RUNS,
  PROMPT,
  SHORT_RUNS,
  TEXT,
  withShortRun,
} from './shortRuns.ts';

const PYTHON = process.env.PYTHON ?? 'python3';
const PROGRAM = fileURLToPath(new URL('open_model.py', import.meta.url));
/** Sums of at most 128 products of numbers near 1, in another order: 128 * 2^-24 each, over a few layers. */
const LOGIT_BOUND = 1e-4;

const folder = mkdtempSync(join(tmpdir(), 'halfstep-transformers-'));
const textFile = join(folder, 'text.txt');
writeFileSync(textFile, TEXT);
afterAll(() => rmSync(folder, { recursive: true }));

interface Opened {
  readonly class: string;
  readonly missing: readonly string[];
  readonly unexpected: readonly string[];
  readonly ids: readonly number[];
  readonly greedy: readonly number[];
  readonly text: string;
  readonly logits: readonly number[];
}

function openedByTransformers(model: string, prompt: string, count: number): Opened {
  const args = [PROGRAM, model, prompt, String(count), textFile];
  const { status, stdout, stderr, error } = spawnSync(PYTHON, args, {
    encoding: 'utf8',
    env: { ...process.env, HF_HUB_OFFLINE: '1', TRANSFORMERS_OFFLINE: '1' },
    maxBuffer: 2 ** 28,
  });
  expect(status, `${error ?? ''}${stderr}`).toBe(0);
  return JSON.parse(stdout);
}

test.each([...SHORT_RUNS, ...OTHER_RUNS, ...HUGGING_FACE_RUNS].map((run) => [nameOf(run), run] as const))(
  '%s',
  async (name, run) => {
    const model = join(folder, name.replaceAll(/\W+/g, '-'));
    mkdirSync(model);
    await withShortRun(run, async (trainer) => {
      await exportModel(trainer, model, 'F32', null);
      const opened = openedByTransformers(model, PROMPT, NEW_TOKENS);
      const { tokenizer } = trainer.dataset;
      const ids = [...tokenizer.encode(PROMPT)];
      const class_ = FAMILIES[run.family].architecture;
      expect(opened).toMatchObject({ class: class_, missing: [], unexpected: [], ids });
      const logits = await trainer.nextTokenLogits(ids);
      expect(opened.logits).toHaveLength(logits.length);
      const error = Math.max(...opened.logits.map((logit, i) => Math.abs(logit - logits[i]!)));
      const greedy = await greedyIds(trainer, ids, NEW_TOKENS);
      const text = JSON.stringify(tokenizer.decode(greedy));
      console.log(`${name}: logits differ by at most ${error.toExponential(1)}, ${text}`);
      expect(error, `largest error ${error}, bound ${LOGIT_BOUND}`).toBeLessThan(LOGIT_BOUND);
      expect(opened.greedy).toEqual(greedy);
      expect(opened.text).toBe(tokenizer.decode(greedy));
    });
  },
);

interface Expected {
  readonly res: Readonly<Record<string, { text: string; ids: number[]; greedy: number[] }>>;
}

test('the model in the folder, read and exported', async () => {
  const given = process.env.TRANSFORMERS_MODEL;
  if (!given) return; // npm run test:transformers -- FOLDER
  const exported = join(folder, 'exported');
  mkdirSync(exported);
  for (const file of await convertModel(await openModelFolder(given))) {
    writeFileSync(join(exported, file.name), new Uint8Array(await file.arrayBuffer()));
  }
  const { res } = JSON.parse(readFileSync(join(given, 'expected.json'), 'utf8')) as Expected;
  for (const { text, ids, greedy } of Object.values(res)) {
    const opened = openedByTransformers(exported, text, greedy.length);
    expect(opened, text).toMatchObject({ missing: [], unexpected: [], ids, greedy });
    console.log(
      `${JSON.stringify(text.slice(0, 40))}: ${ids.length} ids and ${greedy.length} greedy tokens are equal`,
    );
  }
});
