/**
 * The runs of `npm run formats`, as data. A cell is one run: a bench, an arm and a seed. An arm is written like a variant of
 * `compare`, a mode and options that follow with "+": `nvfp4+fp4-rht=off` is `--precision nvfp4 --fp4-rht off`.
 */

/** nanoGPT's configuration for a CPU. */
const SHAPE =
  '--preset starter --layers 4 --heads 4 --width 128 --ctx 64 --batch 12 --beta2 0.99 --tokenizer char --eval-every 0';
const RATE = '--warmup 50 --eval-batches 100 --lr 1e-3 --min-lr 1e-4';
const LLAMA = '--norm rmsnorm --position rope --mlp swiglu --intermediate 352 --biases none';

/** What all arms of a bench share. */
export const BENCHES = {
  a: `${SHAPE} ${RATE} --steps 500`,
  a1000: `${SHAPE} ${RATE} --steps 1000`,
  a100: `${SHAPE} ${RATE} --steps 100`,
  llama: `${SHAPE} ${LLAMA} ${RATE} --steps 500`,
  rates: `${SHAPE} ${LLAMA} ${RATE} --steps 400 --eval-every 100`,
  hot: `${SHAPE} ${LLAMA} --warmup 50 --lr 1e-2 --min-lr 1e-3 --steps 120 --eval-batches 20`,
  hotter: `${SHAPE} ${LLAMA} --warmup 20 --lr 1e-1 --min-lr 1e-2 --steps 80 --eval-batches 10`,
};

const SEEDS = [1337, 1338, 1339];
const [SEED] = SEEDS;

/** AdamW's learning rate, that of Muon's matrices, and what they are compared by: the best that was tried. */
const ADAMW = ['1e-3', '3e-3', '1e-2'].map((rate) => `fp32+lr=${rate}`);
const MUON = ['0.01', '0.02', '0.04'].map((rate) => `fp32+lr=3e-3+optimizer=muon+muon-lr=${rate}`);

const fixes = ['optim-state=f16-h', 'loss-scaling=compound', 'master=kahan'];

/** What may keep a run stable at ten times the learning rate. */
export const STABILISERS = {
  nothing: '',
  'QK-norm': '+qk-norm',
  'soft-caps 50 and 30': '+attention-soft-cap=50+logit-soft-cap=30',
  'z-loss 1e-4': '+z-loss=1e-4',
  StableAdamW: '+optimizer=stable-adamw',
};
export const HOT_FORMATS = ['fp32', 'fp16', 'fp8', 'mxfp4', 'e8m3'];

/**
 * In the order in which they are trained. An arm that an earlier group has trained on the same bench from the same seed is not
 * trained again.
 */
export const GROUPS = {
  int8: { title: 'INT8, 500 steps', bench: 'a', seeds: SEEDS, arms: ['fp32', 'int8', 'int8-m', 'int8-q'] },
  'int8-all': { title: 'INT8, 100 steps', bench: 'a100', seeds: [SEED], arms: ['fp32', 'int8', 'int8-all'] },
  blocks: {
    title: 'scales of blocks and rows',
    bench: 'a',
    seeds: [SEED],
    arms: [
      ...['fp32', 'bf16', 'fp8', 'mxfp8', 'fp8-block', 'fp8-row', 'mxfp4', 'nvfp4'],
      ...['nvfp4+fp4-rht=off', 'nvfp4+fp4-2d=off', 'nvfp4+fp4-sr=off', 'nvfp4+keep-bf16=0'],
      ...['nvfp4+heal=0.18', 'mxfp4+heal=0.18', 'fp8+quantize-attention'],
    ],
  },
  four: {
    title: '4 bits, three seeds',
    bench: 'a',
    seeds: SEEDS,
    arms: ['fp32', 'mxfp4', 'nvfp4', ...['rht', '2d', 'sr'].map((part) => `nvfp4+fp4-${part}=off`)],
  },
  'muon-rates': {
    title: 'learning rates, Llama blocks',
    bench: 'rates',
    seeds: [1],
    arms: [...ADAMW, ...MUON],
  },
  muon: {
    title: 'steps, Llama blocks',
    bench: 'rates',
    seeds: [1, 2, 3],
    arms: [ADAMW[1], MUON[1]],
  },
  moments: {
    title: 'moments, Llama blocks',
    bench: 'llama',
    seeds: SEEDS,
    arms: [
      'fp32',
      'fp32+optim-state=fp8-e4m3-e5m2',
      'fp32+optim-state=fp8',
      'fp32+optim-state=fp8-e4m3-e4m3',
    ],
  },
  costs: {
    title: 'halves, 8 bits and simulated formats',
    bench: 'a',
    seeds: SEEDS,
    arms: [
      ...['fp32', 'fp16', 'bf16', 'bf16-split', 'bf16-sr', 'fp16+optim-state=fp8', 'fp8', 'fp8-delayed'],
      ...['fp8+quantize-activations=1x16', 'e8m3', 'e8m2', 'e8m1'],
    ],
  },
  'moments-tuned': {
    title: 'moments at the best learning rate, Llama blocks',
    bench: 'rates',
    seeds: [1],
    arms: [
      ADAMW[1],
      ...['fp8-e4m3-e5m2', 'fp8', 'fp8-e4m3-e4m3'].map((state) => `${ADAMW[1]}+optim-state=${state}`),
    ],
  },
  smooth: {
    title: 'Smooth-SwiGLU, Llama blocks',
    bench: 'llama',
    seeds: [SEED],
    arms: ['fp8-delayed', 'fp8-delayed+smooth-swiglu=token', 'fp8-delayed+smooth-swiglu=channel'],
  },
  hot: { title: 'at ten times the learning rate', bench: 'hot', seeds: [SEED], arms: HOT_FORMATS },
  hotter: {
    title: 'at a hundred times the learning rate',
    bench: 'hotter',
    seeds: [SEED],
    arms: Object.values(STABILISERS).flatMap((options) => HOT_FORMATS.map((mode) => `${mode}${options}`)),
  },
  progressive: {
    title: 'levels and schedules',
    bench: 'a',
    seeds: [SEED],
    arms: [
      ...['i8g8', 'i8g8+precision-schedule=pfq', 'i4g6', 'i3g6'],
      ...['e8m7+rounding=rne', 'e8m7+rounding=rne+precision-schedule=pfq-float'],
    ],
  },
  noise: {
    title: 'schedules, three seeds',
    bench: 'a',
    seeds: SEEDS,
    arms: ['i8g8', 'i6g8', 'i8g8+precision-schedule=pfq', 'i8g8+precision-schedule=noise'],
  },
  constant: {
    title: 'levels and schedules at a constant learning rate',
    bench: 'a',
    seeds: [SEED],
    arms: ['i8g8+min-lr=1e-3', 'i8g8+min-lr=1e-3+precision-schedule=pfq'],
  },
  pure: {
    title: 'without masters',
    bench: 'a',
    seeds: [1],
    arms: [
      ...['fp16', 'bf16', 'bf16-pure', 'bf16-pure+master=kahan', 'fp16-pure'],
      ...[fixes, ...fixes.map((one) => fixes.filter((fix) => fix !== one))].map(
        (some) => `fp16-pure+${some.join('+')}`,
      ),
    ],
  },
  masters: { title: 'masters', bench: 'a', seeds: [SEED], arms: ['fp32', 'fp32+master=fx64'] },
  modes: {
    title: 'every mode',
    bench: 'a',
    seeds: [SEED],
    arms: [
      ...['fp32', 'tf32', 'fp16', 'fp16-tf32', 'fp16-static', 'fp16-noscale', 'fp16-pure', 'bf16'],
      ...['bf16-sr', 'bf16-split', 'bf16-pure', 'bf16-last-fp32', 'fp8', 'fp8-delayed', 'fp8-row', 'mxfp8'],
      ...['fp8-block', 'mxfp4', 'nvfp4', 'int8', 'int8-m', 'int8-q', 'int8-all', 'e8m3', 'e8m2', 'e8m1'],
      ...['fp16+optim-state=fp8', 'fp8+quantize-activations=1x16'],
    ],
  },
};

/** `bench/arm/seed`, by which `--only` and the file of results name a cell. */
export function cellName({ bench, arm, seed }) {
  return `${bench}/${arm}/${seed}`;
}

/** Every cell of the groups once, in training order: seed by seed within a group. */
export function allCells(groups = GROUPS) {
  const cells = new Map();
  for (const [group, { bench, seeds, arms }] of Object.entries(groups))
    for (const seed of seeds)
      for (const arm of arms) {
        const cell = { bench, arm, seed };
        const known = cells.get(cellName(cell));
        if (known) known.groups.push(group);
        else cells.set(cellName(cell), { ...cell, groups: [group] });
      }
  return [...cells.values()];
}

/**
 * The cells that `--only` names.
 * @param only groups, or names of cells in which `*` stands for anything, separated by commas
 * @throws Error naming a word that fits no cell
 */
export function chosenCells(only, cells = allCells()) {
  if (only === undefined) return cells;
  const chosen = new Set(
    only.split(',').flatMap((word) => {
      const pattern = new RegExp(`^${word.split('*').map(escaped).join('.*')}$`);
      const found = cells.filter((cell) => cell.groups.includes(word) || pattern.test(cellName(cell)));
      if (found.length === 0)
        throw new Error(
          `--only names "${word}", which is no group and fits no cell: --list shows both. Groups are ${Object.keys(GROUPS).join(', ')}`,
        );
      return found;
    }),
  );
  return cells.filter((cell) => chosen.has(cell));
}

function escaped(text) {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

/** The options of `train` for a cell, without those that name files. */
export function optionsOf({ bench, arm, seed }) {
  const [mode, ...settings] = arm.split('+');
  const own = settings.flatMap((setting) => {
    const [option, value] = setting.split('=');
    return value === undefined ? [`--${option}`] : [`--${option}`, value];
  });
  return [...BENCHES[bench].split(' '), '--precision', mode, ...own, '--seed', String(seed), '--sample', '0'];
}
