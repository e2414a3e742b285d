import { expect, test } from 'vitest';
import { PRESETS } from '../../../src/engine/config/presets.ts';
import type { TrainConfig } from '../../../src/engine/config/trainConfig.ts';
import { exportedClass, exportObstacle } from '../../../src/store/exportObstacle.ts';

const config = (changes: Partial<TrainConfig>): TrainConfig => ({ ...PRESETS.smoke.config, ...changes });

test.each<[Partial<TrainConfig>, RegExp | null, RegExp | null]>([
  [{}, null, null],
  [
    { norm: 'rmsnorm' },
    /has norm rmsnorm, which.*Save the run instead/,
    /has norm rmsnorm, which.*Save the run instead/,
  ],
  [{ mlp: 'relu2' }, null, null],
  [
    { dropout: 0.1, emaDecay: 0.9 },
    null,
    /dropout 0.1 and ema-decay 0.9.*Take the run file or the model instead/,
  ],
  [{ precision: 'fp8' }, null, /precision fp8.*It continues precision fp32, tf32, fp16, bf16/],
  [{ tokenizer: 'bpe:512' }, null, /tokenizer bpe:512.*It continues tokenizer char, byte/],
  [{ tokenizer: 'gpt2-eot' }, null, /tokenizer gpt2-eot/],
  [{ tokenizer: 'byte' }, null, null],
  [{ optimState: 'bf16' }, null, /optim-state bf16/],
])(
  '%j: whether the model and the cluster folder can be exported is known in advance',
  (changes, model, cluster) => {
    const found = [exportObstacle('model', config(changes)), exportObstacle('cluster', config(changes))];
    for (const [i, wanted] of [model, cluster].entries()) {
      if (wanted) expect(found[i]).toMatch(wanted);
      else expect(found[i]).toBeNull();
    }
    expect(exportObstacle('run', config(changes))).toBeNull();
  },
);

test('what llama.cpp computes otherwise is known in advance too, and so is the class that a folder has', () => {
  expect(exportObstacle('model', config({}), 'gguf-q8_0')).toBeNull();
  expect(exportObstacle('model', config({ mlp: 'relu2' }), 'BF16')).toBeNull();
  expect(exportObstacle('model', config({ mlp: 'relu2' }), 'gguf-f16')).toMatch(
    /mlp relu2; llama\.cpp computes/,
  );
  expect(exportedClass(config({}))).toBe('GPT2LMHeadModel');
});
