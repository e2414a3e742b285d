/**
 * `npm run test:large-checkpoints`: makes random checkpoints of the shapes of SmolLM2-135M (three shards in BF16) and of
 * GPT-2 124M (two shards in F16), and loads, plans, trains one step of and samples from each with `npm run train`. It
 * prints the figures. It takes minutes and 4 GB of memory, so it is a command of its own.
 *
 *   npm run test:large-checkpoints -- --keep DIR    keeps the checkpoints in DIR
 */
import { spawnSync } from 'node:child_process';
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const CLI = fileURLToPath(new URL('cli.mjs', import.meta.url));
const LIMIT_MS = 3_600_000;

/** Bits of random numbers of either sign near `size`: the mantissa's upper bits and the sign are random. */
const DTYPES = {
  BF16: { one: 0x3f80, exponent: 7, mask: 0x807f },
  F16: { one: 0x3c00, exponent: 10, mask: 0x83ff },
};

const linear = (name, outputs, inputs) => [[`${name}.weight`, [outputs, inputs]]];
const conv1d = (name, inputs, outputs) => [
  [`${name}.weight`, [inputs, outputs]],
  [`${name}.bias`, [outputs], 0],
];
const gain = (name, width) => [[`${name}.weight`, [width], 1]];
const layerNorm = (name, width) => [...gain(name, width), [`${name}.bias`, [width], 0]];

const SMOLLM2 = {
  ...{ architectures: ['LlamaForCausalLM'], model_type: 'llama', hidden_act: 'silu', hidden_size: 576 },
  ...{
    intermediate_size: 1536,
    max_position_embeddings: 8192,
    num_attention_heads: 9,
    num_hidden_layers: 30,
  },
  ...{
    num_key_value_heads: 3,
    rms_norm_eps: 1e-5,
    rope_scaling: null,
    rope_theta: 100000,
    vocab_size: 49152,
  },
  ...{ attention_bias: false, mlp_bias: false, tie_word_embeddings: true, torch_dtype: 'bfloat16' },
};
const GPT2 = {
  ...{ architectures: ['GPT2LMHeadModel'], model_type: 'gpt2', activation_function: 'gelu_new' },
  ...{ n_embd: 768, n_head: 12, n_layer: 12, n_positions: 1024, vocab_size: 50257, layer_norm_epsilon: 1e-5 },
};

const CHECKPOINTS = {
  'SmolLM2-135M': {
    config: SMOLLM2,
    dtype: 'BF16',
    shards: 3,
    tensors: [
      ['model.embed_tokens.weight', [49152, 576]],
      ...Array.from({ length: 30 }, (_, i) => `model.layers.${i}`).flatMap((block) => [
        ...gain(`${block}.input_layernorm`, 576),
        ...linear(`${block}.self_attn.q_proj`, 576, 576),
        ...linear(`${block}.self_attn.k_proj`, 192, 576),
        ...linear(`${block}.self_attn.v_proj`, 192, 576),
        ...linear(`${block}.self_attn.o_proj`, 576, 576),
        ...gain(`${block}.post_attention_layernorm`, 576),
        ...linear(`${block}.mlp.gate_proj`, 1536, 576),
        ...linear(`${block}.mlp.up_proj`, 1536, 576),
        ...linear(`${block}.mlp.down_proj`, 576, 1536),
      ]),
      ...gain('model.norm', 576),
    ],
    options: ['--tokenizer', 'byte', '--vocab', '49152', '--ctx', '64'],
    parameters: 134_515_008,
  },
  'GPT-2 124M': {
    config: GPT2,
    dtype: 'F16',
    shards: 2,
    tensors: [
      ['transformer.wte.weight', [50257, 768]],
      ['transformer.wpe.weight', [1024, 768]],
      ...Array.from({ length: 12 }, (_, i) => `transformer.h.${i}`).flatMap((block) => [
        ...layerNorm(`${block}.ln_1`, 768),
        ...conv1d(`${block}.attn.c_attn`, 768, 2304),
        ...conv1d(`${block}.attn.c_proj`, 768, 768),
        ...layerNorm(`${block}.ln_2`, 768),
        ...conv1d(`${block}.mlp.c_fc`, 768, 3072),
        ...conv1d(`${block}.mlp.c_proj`, 3072, 768),
      ]),
      ...layerNorm('transformer.ln_f', 768),
    ],
    options: ['--tokenizer', 'gpt2'],
    parameters: 124_439_808,
  },
};

/** xorshift32, so that the checkpoint is the same everywhere. */
function random(seed) {
  let state = seed;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
}

/** Returns a tensor's bytes: about +-0.02, or the constant `value`. */
function bytesOf([, shape, value], dtype, next) {
  const { one, exponent, mask } = DTYPES[dtype];
  const codes = new Uint16Array(shape.reduce((product, size) => product * size, 1));
  if (value !== undefined) return Buffer.from(codes.fill(value === 1 ? one : 0).buffer);
  const small = one - (6 << exponent); // 2^-6
  for (let i = 0; i < codes.length; i++) codes[i] = small + (next() & mask);
  return Buffer.from(codes.buffer);
}

function writeShard(path, tensors, dtype, next) {
  let end = 0;
  const entries = tensors.map(([name, shape]) => {
    const begin = end;
    end += 2 * shape.reduce((product, size) => product * size, 1);
    return [name, { dtype, shape, data_offsets: [begin, end] }];
  });
  const header = Buffer.from(JSON.stringify(Object.fromEntries(entries)));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  const file = openSync(path, 'w');
  for (const part of [length, header]) writeSync(file, part);
  for (const tensor of tensors) writeSync(file, bytesOf(tensor, dtype, next));
  closeSync(file);
}

function write(folder, { config, dtype, shards, tensors }) {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'config.json'), JSON.stringify(config));
  const next = random(20_261_130);
  const weight_map = {};
  for (let shard = 0; shard < shards; shard++) {
    const part = tensors.filter((_, i) => i % shards === shard);
    const number = (n) => String(n).padStart(5, '0');
    const name = `model-${number(shard + 1)}-of-${number(shards)}.safetensors`;
    for (const [tensor] of part) weight_map[tensor] = name;
    writeShard(join(folder, name), part, dtype, next);
  }
  writeFileSync(join(folder, 'model.safetensors.index.json'), JSON.stringify({ weight_map }));
}

function check(name, { options, parameters }, folder) {
  const args = [
    'train',
    '--init',
    folder,
    '--steps',
    '1',
    '--warmup',
    '0',
    '--batch',
    '1',
    '--eval-every',
    '0',
  ];
  const more = ['--eval-batches', '1', '--sample', '8', '--precision', 'fp32', '--seed', '1', '--json'];
  const start = performance.now();
  const { status, stdout, stderr } = spawnSync(process.execPath, [CLI, ...args, ...more, ...options], {
    encoding: 'utf8',
    timeout: LIMIT_MS,
    maxBuffer: 2 ** 28,
  });
  const seconds = (performance.now() - start) / 1000;
  const lines = (stdout ?? '').split('\n').filter((line) => line.startsWith('{'));
  const summary = lines.map((line) => JSON.parse(line)).find(({ type }) => type === 'summary');
  const sampled = /A sample of 8 tokens/.test(stderr);
  if (status !== 0 || !summary || !sampled) throw new Error(`${name} failed:\n${stderr}`);
  if (summary.params !== parameters)
    throw new Error(`${name} has ${summary.params} parameters, not ${parameters}`);
  if (!(summary.appliedSteps === 1 && Number.isFinite(summary.finalLoss)))
    throw new Error(`${name}: the step was not applied`);
  const memory = (summary.memory.total / 2 ** 20).toFixed(0);
  console.log(
    `${name}: ${parameters} parameters, plan ${memory} MiB, first loss after ${(summary.startUpMs / 1000).toFixed(1)} s of the trainer, loss ${summary.finalLoss.toFixed(4)}, everything in ${seconds.toFixed(1)} s, on ${summary.adapter}`,
  );
}

const keep = process.argv.indexOf('--keep');
const root = keep > 0 ? process.argv[keep + 1] : mkdtempSync(join(tmpdir(), 'halfstep-checkpoints-'));
try {
  for (const [name, checkpoint] of Object.entries(CHECKPOINTS)) {
    const folder = join(root, name.replaceAll(' ', '-'));
    write(folder, checkpoint);
    check(name, checkpoint, folder);
  }
} finally {
  if (keep < 0) rmSync(root, { recursive: true });
}
