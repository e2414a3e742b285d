/** `halfstep` installed from `npm pack`: its packages, types, and every example as published. */
import { cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { join } from 'node:path';
import { chromium } from 'playwright';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { WAIT_MS } from '../../e2e/limits.ts';
import { serveFolder } from '../../e2e/serveFolder.ts';
import { chromiumLavapipe } from '../../e2e/software-gpu/environment.mjs';
import { CONSUMER } from './consumer.ts';
import { CLI, Installed, MODULES, node } from './installed.ts';

let installed: Installed;
/** The folder of the installed package. */
let home: string;

beforeAll(() => {
  installed = new Installed();
  home = join(installed.app, 'node_modules', 'halfstep');
});

afterAll(() => installed?.remove());

/** Loss by step, of lines such as "step 3  loss 4.125". */
function lossesIn(output: string): Map<number, number> {
  const lines = output.matchAll(/^step (\d+) {2}loss (\S+)$/gm);
  return new Map([...lines].map(([, step, loss]) => [Number(step), Number(loss)]));
}

/** One loss a step from `first` to `last`, and at the end clearly less than at the start: chance is 0.1 nats at most. */
function expectLearning(losses: ReadonlyMap<number, number>, first: number, last: number): void {
  expect([...losses.keys()]).toEqual(Array.from({ length: last - first + 1 }, (_, i) => first + i));
  const [start, end] = [losses.get(first)!, losses.get(last)!];
  console.log(`loss ${start} at step ${first}, ${end} at step ${last}`);
  expect(end).toBeLessThan(start - 0.5);
}

test('wesl is the only package installed with it, and none is missing', () => {
  expect(readdirSync(join(installed.app, 'node_modules')).filter((name) => !name.startsWith('.'))).toEqual([
    'halfstep',
    'wesl',
  ]);
  const manifest = JSON.parse(readFileSync(join(home, 'package.json'), 'utf8'));
  expect(Object.keys(manifest.dependencies)).toEqual(['wesl']);
  expect(manifest.optionalDependencies).toBeUndefined();
  expect(manifest.peerDependenciesMeta).toEqual(
    Object.fromEntries(Object.keys(manifest.peerDependencies).map((name) => [name, { optional: true }])),
  );
  expect(readdirSync(home).sort()).toEqual(
    ['CHANGELOG.md', 'LICENSE', 'README.md', 'dist-package', 'docs', 'examples', 'package.json'].sort(),
  );
});

test('its files import wesl, Dawn and Node only, and the libraries inside come with their licences', () => {
  const built = join(home, 'dist-package');
  const files = readdirSync(built, { recursive: true, encoding: 'utf8' }).filter((name) =>
    /\.(js|d\.ts)$/.test(name),
  );
  const imported = new Set<string>();
  for (const name of files) {
    const text = readFileSync(join(built, name), 'utf8');
    for (const [, specifier] of text.matchAll(
      /^(?:(?:import|export)\b[^'"\n]*\bfrom|import) *['"]([^'"\n]+)['"];?$/gm,
    )) {
      imported.add(specifier!);
    }
    for (const [, specifier] of text.matchAll(/\bimport\(\s*['"]([^'"]+)['"]/g)) imported.add(specifier!);
  }
  const packages = [...imported].filter((name) => !name.startsWith('.') && !isBuiltin(name)).sort();
  expect(packages).toEqual(['webgpu', 'wesl/core']);
  const licences = readFileSync(join(built, 'LICENSES.md'), 'utf8');
  const inside = [...licences.matchAll(/^## (\S+) - /gm)].map(([, name]) => name);
  expect(inside).toEqual(['@huggingface/tokenizers', 'gpt-tokenizer', 'valibot']);
});

describe('types for strict programs', () => {
  const strict = {
    ...{
      strict: true,
      skipLibCheck: false,
      exactOptionalPropertyTypes: true,
      noUncheckedIndexedAccess: true,
    },
    ...{ noEmit: true, allowJs: true, checkJs: true, target: 'es2023' },
  };
  const cases = {
    nodenext: { module: 'nodenext', moduleResolution: 'nodenext', types: ['node'] },
    bundler: { module: 'esnext', moduleResolution: 'bundler', types: ['node'] },
    // Both declare the same globals, and differ in details that only a check of libraries sees.
    'with the names of WebGPU from @webgpu/types too': {
      ...{ module: 'nodenext', types: ['node', '@webgpu/types'] },
      skipLibCheck: true,
    },
  };

  beforeAll(() => {
    for (const name of ['@types/node', '@webgpu/types']) installed.add(name);
    writeFileSync(join(installed.app, 'consumer.ts'), CONSUMER);
  });

  test.each(Object.entries(cases))('%s', (name, options) => {
    const config = join(installed.app, `tsconfig.${Object.keys(cases).indexOf(name)}.json`);
    const include = ['consumer.ts', '*.mjs'];
    writeFileSync(config, JSON.stringify({ compilerOptions: { ...strict, ...options }, include }));
    expect(node(installed.app, join(MODULES, 'typescript', 'bin', 'tsc'), '--project', config)).toBe('');
  });
});

describe('in Node', () => {
  test('without Dawn the error names the package to install', () => {
    const script = `
      import { loadDawn } from 'halfstep/node';
      import { EngineError } from 'halfstep';
      const error = await loadDawn().catch((cause) => cause);
      console.log(error instanceof EngineError, error.code, error.hint);`;
    expect(node(installed.app, '--input-type=module', '--eval', script)).toMatch(
      /^true NO_WEBGPU .*npm install webgpu/,
    );
  });

  describe('with Dawn', () => {
    beforeAll(() => installed.add('webgpu'));

    test('train.mjs trains and samples', () => {
      const output = node(installed.app, 'train.mjs');
      expectLearning(lossesIn(output), 1, 60);
      const [, validation, sample] = /\nvalidation loss (\S+)\n(.{100})\n$/s.exec(output) ?? [];
      expect(Number(validation)).toBeLessThan(lossesIn(output).get(1)!);
      expect(sample).toHaveLength(100);
    });

    test('own-precision.mjs trains in its own mode, in less memory', () => {
      const output = node(installed.app, 'own-precision.mjs');
      const lines = [...output.matchAll(/^(\S+): (\S+) MiB, loss (\S+) to (\S+)$/gm)];
      expect(lines.map(([, mode]) => mode)).toEqual(['fp32', 'custom-narrow-sums']);
      const [fp32, own] = lines.map(([, , ...numbers]) => numbers.map(Number));
      for (const [, first, last] of [fp32!, own!]) expect(last).toBeLessThan(first! - 0.5);
      expect(own![0]).toBeLessThan(fp32![0]!);
      expect(own!.slice(1)).not.toEqual(fp32!.slice(1));
    });

    test('own-text.mjs learns a tokenizer, resumes what it saved, and exports the model', () => {
      const output = node(installed.app, 'own-text.mjs');
      expect(output).toMatch(/^\d+ tokens, of 512 different ones\n/);
      expectLearning(lossesIn(output), 1, 40);
      const folder = join(installed.app, 'my-model');
      expect(readdirSync(folder).sort()).toEqual(
        ['README.md', 'config.json', 'model.safetensors', 'tokenizer.json', 'tokenizer_config.json'].sort(),
      );
      expect(JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8'))).toMatchObject({
        vocab_size: 512,
      });
      const weights = readFileSync(join(folder, 'model.safetensors'));
      const header = JSON.parse(weights.toString('utf8', 8, 8 + Number(weights.readBigUInt64LE())));
      expect(header['transformer.wte.weight'] ?? header['wte.weight']).toMatchObject({ dtype: 'F32' });
    });

    test('open-model.mjs opens what own-text.mjs exported, samples, scores, and writes a GGUF file that does the same', () => {
      const output = node(installed.app, 'open-model.mjs', 'my-model');
      const [, text, loss, tokens] =
        /^gpt2, 2 layers, width 64\n(The .*)\nloss (\S+) over (\d+) tokens\nthe GGUF file writes the same\n$/s.exec(
          output,
        ) ?? [];
      // What the loss is depends on the texts that the model learned; the command line must score them alike.
      writeFileSync(join(installed.app, 'written.txt'), text!);
      const scored = JSON.parse(
        node(installed.app, CLI, 'evaluate', '--init', 'my-model', '--data', 'written.txt', '--json'),
      );
      expect(scored.tokens).toBe(Number(tokens));
      // The example prints four places.
      expect(scored.loss).toBeCloseTo(Number(loss), 3);
      expect(readdirSync(installed.app)).toContain('model.gguf');
    });
  });
});

/** Opens the exported model from bytes, and its GGUF file, and compares what both write. */
const OPENS_BYTES = `(async () => {
  const { convertModel, openDevice, openModelFiles, openModelOfFiles } = await import('halfstep');
  const bytesOf = async (name) => (await fetch('./my-model/' + name)).arrayBuffer();
  const names = ['config.json', 'model.safetensors', 'tokenizer.json'];
  const files = await Promise.all(names.map(async (name) => new File([await bytesOf(name)], name)));
  const opened = await openModelFiles(files);
  const { device, report } = await openDevice(navigator.gpu);
  const texts = [];
  for (const each of [opened, await openModelFiles(await convertModel(opened, 'gguf-f32'))]) {
    const model = await openModelOfFiles(device, report, each);
    const { text } = await model.generate({ prompt: 'The ', length: 20, temperature: 0, topK: 0, seed: 1 });
    const { loss } = await model.score(model.tokenizer.encode('The ' + text));
    texts.push({ text, loss });
    model.destroy();
  }
  const [a, b] = texts;
  return { family: opened.family, same: a.text === b.text && a.text.length > 0, scored: a.loss > 0, more: b.loss - a.loss };
})()`;

test('page.html trains and samples in a browser, without a bundler, and opens a model from bytes', async () => {
  cpSync(join(installed.app, 'page.html'), join(installed.app, 'index.html'));
  const server = await serveFolder(installed.app, 'npm pack');
  const browser = await chromium.launch(chromiumLavapipe());
  try {
    const page = await browser.newPage();
    const faults: string[] = [];
    page.on('pageerror', (error) => faults.push(error.message));
    await page.goto(server.address);
    const log = page.locator('#log');
    // The run's last line is its result or its error.
    await page.waitForFunction(
      () => /\n(done|.*\.) ?\n$/.test(document.querySelector('#log')!.textContent),
      null,
      {
        timeout: WAIT_MS,
      },
    );
    const text = await log.textContent();
    expect(text).toMatch(/\ndone\n$/);
    expectLearning(lossesIn(text!), 1, 60);
    const opened = (await page.evaluate(OPENS_BYTES)) as { more: number };
    expect(opened).toMatchObject({ family: 'gpt2', same: true, scored: true });
    // GGUF has an end token more, with the mean logit: at most the mean share of the 512 others.
    expect(opened.more).toBeGreaterThan(-1e-5);
    expect(opened.more).toBeLessThan(Math.log(1 + 1 / 512) + 1e-5);
    expect(faults).toEqual([]);
  } finally {
    await browser.close();
    server.close();
  }
});
