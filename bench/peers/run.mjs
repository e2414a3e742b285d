/**
 * Trains the same model with Halfstep, jax-js and TensorFlow.js in one Chromium, and with PyTorch on the CPU where a Python
 * that has it is given, and prints what it measured as JSON.
 * `npm run bench -- --only peers` starts it and makes the table.
 *
 *   node bench/peers/run.mjs '{"browser": "lavapipe" | "hardware", "shapes": {"a": TrainConfig, ...}, "python": PATH | null}'
 *
 * Every implementation has a page, a bundle and a device of its own. Only one trains at a time: stretches of the
 * baseline and of another alternate, so that what else the machine does falls on both.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { openPyTorch } from './pytorch.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** The first is what the others are compared with. */
export const IMPLEMENTATIONS = [
  { name: 'halfstep fp32', page: 'halfstep', precision: 'fp32' },
  { name: 'halfstep fp16', page: 'halfstep', precision: 'fp16' },
  { name: 'jax-js', page: 'jaxJs', package: '@jax-js/jax' },
  { name: 'tfjs', page: 'tfjs', package: '@tensorflow/tfjs-backend-webgpu' },
];

/** In a process of its own, on the CPU. */
const PYTORCH = [
  { name: 'PyTorch fp32, CPU', bf16: false },
  { name: 'PyTorch bf16 autocast, CPU', bf16: true },
];

/** Losses after so many steps are compared between implementations. */
const EARLY_STEPS = 5;
const ROUNDS = 3;
const STRETCH_MS = 2500;
/** An implementation that does not answer for so long has failed. */
const PATIENCE_MS = 10 * 60_000;

/**
 * Stretches of `baseline` and of one of `others` in turns; who comes first changes every round.
 * @param {{ name: string, train(): Promise<number> }} baseline trains one stretch; its tokens/s
 * @param {{ name: string, train(): Promise<number> }[]} others
 * @returns for every name of `others` the pairs measured, up to the first failure, and that failure
 */
export async function alternate(baseline, others, rounds) {
  const outcome = Object.fromEntries(others.map(({ name }) => [name, { pairs: [], error: null }]));
  for (let round = 0; round < rounds; round++) {
    for (const other of others) {
      const { pairs, error } = outcome[other.name];
      if (error !== null) continue;
      const takeOther = async () => {
        try {
          return await other.train();
        } catch (failure) {
          outcome[other.name].error = messageOf(failure);
          return null;
        }
      };
      try {
        let own = round % 2 === 1 ? await takeOther() : null;
        const reference = await baseline.train();
        if (round % 2 === 0) own = await takeOther();
        if (own !== null) pairs.push({ baseline: reference, own });
      } catch (failure) {
        for (const { name } of others) outcome[name].error ??= `${baseline.name}: ${messageOf(failure)}`;
        return outcome;
      }
    }
  }
  return outcome;
}

async function main({ browser: kind, shapes, python }) {
  const { chromium } = await import('playwright');
  const { chromiumHardware, chromiumLavapipe } = await import('../../e2e/software-gpu/environment.mjs');
  const builds = await buildPages(IMPLEMENTATIONS);
  const server = await serve();
  const browser = await chromium.launch(kind === 'lavapipe' ? chromiumLavapipe() : chromiumHardware());
  const measured = [];
  try {
    for (const [shape, config] of Object.entries(shapes)) {
      process.stderr.write(`${shape}: `);
      measured.push({ shape, ...(await measureShape(browser, server.url, builds, config, python)) });
      process.stderr.write('\n');
    }
    return { browser: `Chromium ${browser.version()}`, shapes: measured };
  } finally {
    await browser.close();
    await server.close();
  }
}

/** Page name to why it could not be built, or null. */
export async function buildPages(implementations) {
  const { build } = await import('vite');
  const builds = new Map();
  for (const { page, package: packageName } of implementations) {
    if (builds.has(page)) continue;
    if (versionOf(packageName) === null) {
      builds.set(page, `the package ${packageName} is not installed; run npm ci`);
      continue;
    }
    try {
      await build({ configFile: join(ROOT, 'bench/peers/vite.config.ts'), mode: page, logLevel: 'silent' });
      builds.set(page, null);
    } catch (failure) {
      builds.set(page, messageOf(failure));
    }
  }
  return builds;
}

export async function serve() {
  const { preview } = await import('vite');
  const server = await preview({
    configFile: false,
    appType: 'mpa',
    root: ROOT,
    build: { outDir: 'dist-tools/peers' },
    preview: { host: '127.0.0.1', port: 0 },
  });
  const { port } = server.httpServer.address();
  return { url: `http://127.0.0.1:${port}`, close: () => server.close() };
}

async function measureShape(browser, url, builds, config, python) {
  const context = await browser.newContext();
  const entrants = [];
  try {
    for (const implementation of IMPLEMENTATIONS) {
      const { name, page, package: packageName } = implementation;
      process.stderr.write(`${name} `);
      const entry = { name, version: versionOf(packageName), problem: builds.get(page) };
      const open = () => openPage(context, url, implementation, config);
      entrants.push(await enter(entry, open, config));
    }
    const [baseline] = entrants;
    if (python !== null && baseline.error === null) {
      for (const { name, bf16 } of PYTORCH) {
        process.stderr.write(`${name} `);
        const open = () => openPyTorch(python, baseline.session.page, config, bf16);
        entrants.push(await enter({ name, version: null, problem: null }, open, config));
      }
    }
    const others = entrants.slice(1);
    const comparable = baseline.error === null ? others.filter(({ error }) => error === null) : [];
    process.stderr.write('measuring ');
    const outcome = await alternate(baseline, comparable, ROUNDS);
    return {
      adapter: baseline.adapter,
      results: entrants.map(({ name, version, steps, losses, error }) => ({
        ...{ name, version, steps, losses },
        ...(outcome[name] ?? { pairs: [], error }),
      })),
    };
  } finally {
    for (const { session } of entrants) session?.close();
    await context.close();
  }
}

/** Opens an implementation and takes its first steps, which compile and warm up. */
async function enter({ name, version, problem }, open, config) {
  const entrant = {
    ...{ name, version, adapter: null, steps: 0, error: problem, session: null },
    losses: { first: null, early: null, last: null },
    train: async () => Number.NaN,
  };
  if (entrant.error !== null) return entrant;
  try {
    const session = await open();
    entrant.session = session;
    entrant.adapter = session.adapter;
    entrant.version ??= session.version;
    const train = async (steps) => {
      const stretch = await session.train(steps);
      entrant.steps += steps;
      entrant.losses.last = stretch.loss;
      return stretch.milliseconds;
    };
    await train(1);
    entrant.losses.first = entrant.losses.last;
    const milliseconds = (await train(EARLY_STEPS - 1)) / (EARLY_STEPS - 1);
    entrant.losses.early = entrant.losses.last;
    const steps = Math.max(1, Math.round(STRETCH_MS / milliseconds));
    entrant.train = async () => {
      const tokens = steps * config.batch * config.context;
      return tokens / ((await train(steps)) / 1000);
    };
  } catch (failure) {
    entrant.error = messageOf(failure);
  }
  return entrant;
}

async function openPage(context, url, { page: pageName, precision }, config) {
  const page = await context.newPage();
  let uncaught;
  page.on('pageerror', (error) => {
    uncaught ??= error.message;
  });
  const patiently = async (answer) => {
    try {
      return await withinPatience(answer);
    } catch (failure) {
      // What it may still be doing would take time from the others.
      page.close().catch(() => undefined);
      throw new Error(uncaught ?? messageOf(failure));
    }
  };
  await page.goto(`${url}/${pageName}/${pageName}.html`);
  await patiently(page.waitForFunction(() => window.peer !== undefined));
  const settings = { ...config, precision: precision ?? config.precision };
  return {
    page,
    adapter: await patiently(page.evaluate((settings) => window.peer.open(settings), settings)),
    async train(steps) {
      await page.bringToFront();
      return patiently(page.evaluate((count) => window.peer.train(count), steps));
    },
    close() {},
  };
}

function withinPatience(promise) {
  let timer;
  const limit = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer in ${PATIENCE_MS / 60_000} minutes`)), PATIENCE_MS);
  });
  return Promise.race([promise, limit]).finally(() => clearTimeout(timer));
}

export function versionOf(packageName = 'halfstep') {
  const folder = packageName === 'halfstep' ? '' : join('node_modules', packageName);
  const file = join(ROOT, folder, 'package.json');
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')).version : null;
}

/** One line: builds and browsers add pictures of the code and stacks. */
function messageOf(failure) {
  const text = failure instanceof Error ? failure.message : String(failure);
  return text.split('\n').find((line) => line.trim() !== '') ?? 'no reason given';
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  process.stdout.write(`${JSON.stringify(await main(JSON.parse(process.argv[2])))}\n`);
}
