/**
 * Takes the WGSL that jax-js and TensorFlow.js train with from their pages of bench/peers, and prints it as JSON:
 * `{ "<implementation> <version>": [{ code, entryPoint, dispatches, groups }, ...] }`, of one step, the most groups first.
 *
 *   node bench/gpu-report/peers.mjs '{ ...TrainConfig }'
 */
import { chromium } from 'playwright';
import { chromiumLavapipe } from '../../e2e/software-gpu/environment.mjs';
import { buildPages, IMPLEMENTATIONS, serve, versionOf } from '../peers/run.mjs';

/** Long enough for a step on a busy machine with a software GPU. */
const PATIENCE_MS = 10 * 60_000;

/** Runs in the page before its scripts: counts what each pipeline dispatches. `window.takeKernels` returns it and begins anew. */
function watchPipelines() {
  const codes = new WeakMap();
  const kernels = new Map();
  const current = new WeakMap();
  const around = (prototype, name, after) => {
    const original = prototype[name];
    prototype[name] = function (...args) {
      const result = original.apply(this, args);
      after(this, args, result);
      return result;
    };
  };
  const addPipeline = (pipeline, { module, entryPoint }) =>
    kernels.set(pipeline, { code: codes.get(module), entryPoint, dispatches: 0, groups: 0 });
  around(GPUDevice.prototype, 'createShaderModule', (_, [{ code }], module) => codes.set(module, code));
  around(GPUDevice.prototype, 'createComputePipeline', (_, [{ compute }], pipeline) =>
    addPipeline(pipeline, compute),
  );
  around(GPUDevice.prototype, 'createComputePipelineAsync', (_, [{ compute }], promise) =>
    promise.then((pipeline) => addPipeline(pipeline, compute)),
  );
  around(GPUComputePassEncoder.prototype, 'setPipeline', (pass, [pipeline]) => current.set(pass, pipeline));
  around(GPUComputePassEncoder.prototype, 'dispatchWorkgroups', (pass, [x, y = 1, z = 1]) => {
    const kernel = kernels.get(current.get(pass));
    kernel.dispatches += 1;
    kernel.groups += x * y * z;
  });
  window.takeKernels = () => {
    const used = [...kernels.values()]
      .filter(({ dispatches }) => dispatches > 0)
      .map((kernel) => ({ ...kernel }));
    for (const kernel of kernels.values()) Object.assign(kernel, { dispatches: 0, groups: 0 });
    return used;
  };
}

async function kernelsOf(browser, url, pageName, config) {
  const page = await browser.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  try {
    await page.addInitScript(watchPipelines);
    await page.goto(`${url}/${pageName}/${pageName}.html`);
    await page.waitForFunction(() => window.peer !== undefined);
    await page.evaluate((settings) => window.peer.open(settings), config);
    // The first step also makes what later ones keep.
    await page.evaluate(() => window.peer.train(1));
    await page.evaluate(() => window.takeKernels());
    await page.evaluate(() => window.peer.train(1));
    const kernels = await page.evaluate(() => window.takeKernels());
    return kernels.sort((a, b) => b.groups - a.groups);
  } finally {
    await page.close();
  }
}

const config = JSON.parse(process.argv[2]);
const peers = IMPLEMENTATIONS.filter(({ package: name }) => name !== undefined);
const builds = await buildPages(peers);
const server = await serve();
const browser = await chromium.launch(chromiumLavapipe());
const captured = {};
try {
  for (const { name, page, package: packageName } of peers) {
    const problem = builds.get(page);
    if (problem) throw new Error(`${name}: ${problem}`);
    process.stderr.write(`${name} `);
    captured[`${name} ${versionOf(packageName)}`] = await kernelsOf(browser, server.url, page, config);
  }
  process.stderr.write('\n');
} finally {
  await browser.close();
  await server.close();
}
process.stdout.write(JSON.stringify(captured));
