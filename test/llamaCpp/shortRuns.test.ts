/** llama.cpp continues a prompt as the trainer of a short run does, from its GGUF export. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { exportModel } from '../../src/cli/exportModel.ts';
import { greedyIds } from '../transformers/greedy.ts';
import {
  NEW_TOKENS,
  nameOf,
  OTHER_RUNS,
  PROMPT,
  SHORT_RUNS,
  withShortRun,
} from '../transformers/shortRuns.ts';
import { llamaCpp } from './program.ts';

const folder = mkdtempSync(join(tmpdir(), 'halfstep-gguf-runs-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));

test.each([...SHORT_RUNS, ...OTHER_RUNS].map((run) => [nameOf(run), run] as const))(
  '%s',
  async (name, run) => {
    const own = join(folder, name.replaceAll(/\W+/g, '-'));
    mkdirSync(own);
    await withShortRun(run, async (trainer) => {
      await exportModel(trainer, own, 'gguf-f32', null);
      const { tokenizer } = trainer.dataset;
      const ids = [...tokenizer.encode(PROMPT)];
      const greedy = await greedyIds(trainer, ids, NEW_TOKENS);
      const [answer] = llamaCpp([{ path: join(own, 'model.gguf'), prompt: PROMPT, count: NEW_TOKENS }]);
      console.log(`${name}: ${JSON.stringify(tokenizer.decode(greedy))}`);
      expect(answer).toEqual({ ids, greedy });
    });
  },
);
