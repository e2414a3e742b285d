import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { orderViolations } from './folderOrder.ts';
import { shortestCircle } from './importCircle.ts';
import { repeatedDescriptions } from './oneDescription.ts';
import { pastTheDoor } from './oneDoor.ts';
import { settingsListedIn } from './repeatedSettings.ts';
import { foreignSetters } from './storeSetters.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** The layers that each layer may import: itself and those below it. */
const LAYERS: Record<string, readonly string[]> = {
  'src/engine': ['src/engine', 'shaders'],
  'src/session': ['src/session', 'src/engine'],
  'src/store': ['src/store', 'src/session', 'src/engine'],
  'src/app': ['src/app', 'src/store', 'src/session', 'src/engine'],
  'src/cli': ['src/cli', 'src/engine', 'build'],
  'src/package': ['src/package', 'src/cli', 'src/engine'],
};

/** The engine's folders. Each imports only itself and those before it. */
const ENGINE_FOLDERS = [
  'core',
  'precision',
  'gpu',
  'kernels',
  'data',
  'config',
  'model',
  'inspect',
  'checkpoint',
  'reference',
  'train',
  'experiments',
  'bench',
];

function filesUnder(folder: string, ending: RegExp): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && ending.test(entry.name))
    .map((entry) => relative(ROOT, join(entry.parentPath, entry.name)));
}

function importsOf(file: string): string[] {
  return importsIn(readFileSync(join(ROOT, file), 'utf8'));
}

function importsIn(source: string): string[] {
  const statements = source.matchAll(/(?:from|import|glob<string>\(|import\()\s*'([^']+)'/g);
  return [...statements].map(([, specifier]) => specifier!);
}

/** Returns the paths, from the root, of the repository's files that a file imports. */
function importedFiles(file: string): string[] {
  return importsOf(file)
    .filter((specifier) => specifier.startsWith('.') && !specifier.includes('*'))
    .map((specifier) => relative(ROOT, join(ROOT, file, '..', specifier.replace(/\?.*$/, ''))));
}

/** Returns the names that a file imports or exports from another file, or from any file if it is null. */
function namesFrom(file: string, from: string | null): string[] {
  const statements = readFileSync(join(ROOT, file), 'utf8').matchAll(/\{([^{}]*)\}\s*from\s*'(\.[^']+)'/g);
  return [...statements]
    .filter(([, , specifier]) => from === null || relative(ROOT, join(ROOT, file, '..', specifier!)) === from)
    .flatMap(([, names]) => names!.split(','))
    .map((name) =>
      name
        .trim()
        .replace(/^type /, '')
        .replace(/ as .*$/, ''),
    )
    .filter((name) => name !== '');
}

describe.each(Object.entries(LAYERS))('%s', (layer, allowed) => {
  const files = filesUnder(layer, /\.tsx?$/);

  test('imports only itself and the layers below it', () => {
    expect(files.length).toBeGreaterThan(0);
    const wrong = files.flatMap((file) =>
      importsOf(file)
        .filter((specifier) => specifier.startsWith('.'))
        .map((specifier) => relative(ROOT, join(ROOT, file, '..', specifier)))
        .filter((target) => !allowed.some((folder) => target.startsWith(`${folder}/`)))
        .map((target) => `${file} imports ${target}`),
    );
    expect(wrong).toEqual([]);
  });
});

describe('import circles', () => {
  test('there is none, types included', () => {
    const files = ['src', 'build'].flatMap((folder) => filesUnder(folder, /\.tsx?$/));
    const graph = new Map(files.map((file) => [file, importedFiles(file)]));
    const missing = [...graph].flatMap(([file, imported]) =>
      imported
        .filter((target) => !existsSync(join(ROOT, target)))
        .map((target) => `${file} imports ${target}`),
    );
    expect(missing, 'imports name files with their endings').toEqual([]);
    expect(shortestCircle(graph)?.join(' -> ') ?? null).toBeNull();
  });

  test('a planted cycle is found, and the shortest of several', () => {
    const graph = new Map([
      ['a', ['b', 'c']],
      ['b', ['d']],
      ['c', ['d']],
      ['d', ['outside']],
    ]);
    expect(shortestCircle(graph)).toBeNull();
    expect(shortestCircle(graph.set('d', ['a']))).toEqual(['a', 'b', 'd', 'a']);
    expect(shortestCircle(graph.set('e', ['f']).set('f', ['a', 'e']))).toEqual(['e', 'f', 'e']);
    expect(shortestCircle(graph.set('f', ['f']))).toEqual(['f', 'f']);
  });

  test('every kind of import counts', () => {
    const source = `
      import './a.ts';
      import b, { c } from './b.ts';
      import type { D } from './d.ts';
      import {
        type E,
      } from './e.ts';
      export { f } from './f.ts';
      export type { G } from './g.ts';
      export * from './h.ts';
      const i = await import('./i.ts');
      let j: import('./j.ts').J;`;
    expect(importsIn(source)).toEqual([...'abdefghij'].map((name) => `./${name}.ts`));
  });
});

describe('one description of the model', () => {
  test('names of blocks, widths of layers and roles of tensors are written in one place', () => {
    const files = ['src/engine', 'src/session', 'src/store', 'src/app'].flatMap((folder) =>
      filesUnder(folder, /\.tsx?$/),
    );
    const repeated = files.flatMap((file) =>
      repeatedDescriptions(file, readFileSync(join(ROOT, file), 'utf8')),
    );
    expect(repeated).toEqual([]);
  });

  test('a planted one is found', () => {
    const lines = [
      ['const name = `residual after h.', '{layer}.attn`;'].join('$'),
      'const elements = rows * 4 * config.width;',
      "if (name.endsWith(' dY')) return;",
      'const n = 3 * C;',
    ];
    expect(lines.flatMap((line) => repeatedDescriptions('src/engine/model/plan.ts', line))).toHaveLength(4);
    expect(repeatedDescriptions('src/engine/reference/model.ts', lines.join('\n'))).toEqual([]);
  });
});

describe('one table of settings', () => {
  test('no other file lists settings, but for what decides something for several of them at once', () => {
    const listing = filesUnder('src', /\.tsx?$/)
      .filter((file) => !file.startsWith('src/engine/config/settings/'))
      .filter((file) => settingsListedIn(readFileSync(join(ROOT, file), 'utf8')).length > 0);
    expect(listing.sort()).toEqual([
      // What holds while the field is empty, where that follows from the mode or the batch.
      'src/app/features/settings/NumberSettings.tsx',
      // What a preset that is given with --resume must have in common with the run.
      'src/cli/resumeRun.ts',
      // How files of other tools name the structure of a model.
      'src/engine/checkpoint/families.ts',
      // What a model card reports of a run.
      'src/engine/checkpoint/modelCard.ts',
      'src/engine/checkpoint/modelConfig.ts',
      // What a model's structure is, and GPT-2's.
      'src/engine/config/gptConfig.ts',
      // What decides how long a step takes.
      'src/engine/config/openPreset.ts',
      // What functions of the package look for in their arguments.
      'src/package/checked.ts',
      // What is recommended to a visitor who only has a text.
      'src/store/myText/planned.ts',
      // What a file of weights decides.
      'src/store/settings.ts',
    ]);
  });

  test('a planted list is found', () => {
    const list =
      "const CHOICES = { norm: 'norm', 'optim-state': 'optimState', 'amax-algo': 'amaxAlgorithm' };";
    expect(settingsListedIn(list)).toHaveLength(5);
    expect(settingsListedIn("type Of = Pick<TrainConfig, 'steps' | 'warmup' | 'beta1' | 'beta2'>;")).toEqual(
      [],
    );
    expect(settingsListedIn("choose({ batch, 'micro-batch': null, lr: 1 });")).toEqual([]);
  });
});

describe('folders of the engine', () => {
  test('each imports only those before it, and every file lies in one', () => {
    const files = filesUnder('src/engine', /\.ts$/);
    const graph = new Map(files.map((file) => [file, importedFiles(file)]));
    expect(orderViolations(graph, 'src/engine', ENGINE_FOLDERS, 'index.ts')).toEqual([]);
    const empty = ENGINE_FOLDERS.filter(
      (folder) => !files.some((file) => file.startsWith(`src/engine/${folder}/`)),
    );
    expect(empty).toEqual([]);
  });

  test('the product does not import the oracles', () => {
    const product = ['src', 'build']
      .flatMap((folder) => filesUnder(folder, /\.tsx?$/))
      .filter((file) => !file.startsWith('src/engine/reference/'));
    const wrong = product.filter((file) =>
      importedFiles(file).some((target) => target.startsWith('src/engine/reference/')),
    );
    expect(wrong).toEqual([]);
  });

  test('planted violations are found', () => {
    const graph = new Map([
      ['e/low/a.ts', ['e/low/b.ts', 'shaders/c.wgsl']],
      ['e/low/b.ts', []],
      ['e/high/d.ts', ['e/low/a.ts']],
      ['e/index.ts', ['e/high/d.ts', 'e/low/a.ts']],
      ['other/f.ts', ['e/index.ts']],
    ]);
    const found = () => orderViolations(graph, 'e', ['low', 'high'], 'index.ts');
    expect(found()).toEqual([]);
    graph.set('e/low/b.ts', ['e/high/d.ts']);
    expect(found()).toEqual(['e/low/b.ts imports e/high/d.ts']);
    graph.set('e/low/b.ts', ['e/index.ts']).set('e/g.ts', []);
    expect(found()).toEqual(['e/g.ts lies in none of the folders', 'e/low/b.ts imports e/index.ts']);
  });
});

describe('the door of the engine', () => {
  const DOOR = 'src/engine/index.ts';
  const folders = ['src', 'bench', 'build', 'scripts', 'examples', 'e2e/harness'].filter((folder) =>
    existsSync(join(ROOT, folder)),
  );

  test('is the only file that code outside imports, except tests and oracles', () => {
    const files = folders.flatMap((folder) => filesUnder(folder, /\.(tsx?|mjs)$/));
    const graph = new Map(files.map((file) => [file, importedFiles(file)]));
    expect([...graph.values()].filter((imported) => imported.includes(DOOR)).length).toBeGreaterThan(100);
    expect(pastTheDoor(graph, 'src/engine', DOOR)).toEqual([
      // Vite's configuration runs it, which knows none of what Vite does for the engine (the shaders' `import.meta.glob`).
      'build/assembleTexts.ts imports src/engine/data/builtins.ts',
    ]);
  });

  test('exports nothing that is not used', () => {
    const used = new Set(
      [...folders, 'test', 'e2e'].flatMap((folder) =>
        filesUnder(folder, /\.(tsx?|mjs)$/)
          .filter((file) => !file.startsWith('src/engine/'))
          .flatMap((file) => namesFrom(file, DOOR)),
      ),
    );
    const open = namesFrom(DOOR, null);
    expect(open.filter((name) => !used.has(name))).toEqual([]);
  });

  test('an import past it is found, from any folder', () => {
    const graph = new Map([
      ['e/index.ts', ['e/low/a.ts']],
      ['e/low/a.ts', ['e/low/b.ts']],
      ['app/c.ts', ['e/index.ts', 'app/d.ts']],
    ]);
    expect(pastTheDoor(graph, 'e', 'e/index.ts')).toEqual([]);
    graph.set('app/d.ts', ['e/low/a.ts', 'e/index.ts']);
    expect(pastTheDoor(graph, 'e', 'e/index.ts')).toEqual(['app/d.ts imports e/low/a.ts']);
  });
});

describe('the stores', () => {
  const settersIn = (file: string) => foreignSetters(readFileSync(join(ROOT, file), 'utf8'));

  test('are changed from outside by named functions only, and the runs by their transitions', () => {
    const outside = filesUnder('src', /\.tsx?$/).filter((file) => !file.startsWith('src/store/'));
    expect(outside.flatMap((file) => settersIn(file).map((name) => `${file} sets ${name}`))).toEqual([]);
    const settingRuns = filesUnder('src/store', /\.ts$/).filter((file) => settersIn(file).includes('useRun'));
    expect(settingRuns).toEqual(['src/store/runTransitions.ts']);
  });

  test('a planted setter is found', () => {
    expect(foreignSetters('onClick={() => useUi.setState({ help: true })}')).toEqual(['useUi']);
    expect(
      foreignSetters('const useForm = create<Form>()(() => EMPTY);\nuseForm.setState({ seeds });'),
    ).toEqual([]);
    expect(foreignSetters('const [open, setState] = useState(false); setState(true);')).toEqual([]);
  });
});

test('the engine needs no DOM, no React and no Node', () => {
  const forbidden = /^(react|react-dom|zustand|recharts|webgpu|node:.*|vite)$/;
  const globals = /(?<![\w.'"`/])(document|window|localStorage|process|Buffer)\s*[.[]/;
  for (const file of filesUnder('src/engine', /\.ts$/)) {
    expect(importsOf(file).filter((specifier) => forbidden.test(specifier))).toEqual([]);
    const code = readFileSync(join(ROOT, file), 'utf8').replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '');
    expect(globals.exec(code)?.[0] ?? null, file).toBeNull();
  }
});

test('every part that is loaded lazily has the same boundary', () => {
  const bare = filesUnder('src', /\.tsx?$/).filter((file) =>
    /\blazy\b/.test(readFileSync(join(ROOT, file), 'utf8').replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '')),
  );
  expect(bare).toEqual(['src/app/ui/lazyPart.tsx']);
});

// Playwright's own requests reuse connections that the server may be closing, and do not try again as a browser does.
test('the page tests read the files of the page instead of asking the server for them', () => {
  const asking = filesUnder('e2e', /\.ts$/).filter((file) =>
    /\broute\.fetch\(|\brequest\.(get|post|head|fetch)\(/.test(readFileSync(join(ROOT, file), 'utf8')),
  );
  expect(asking).toEqual([]);
});

test('the trainers of the comparison are not part of the product', () => {
  const product = ['src', 'build'].flatMap((folder) => filesUnder(folder, /\.tsx?$/));
  const wrong = product.filter((file) =>
    importsOf(file).some((specifier) => /^@jax-js\/|^@tensorflow\/|\/bench\/peers\//.test(specifier)),
  );
  expect(wrong).toEqual([]);
  const { dependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  expect(Object.keys(dependencies).filter((name) => /^@(jax-js|tensorflow)\//.test(name))).toEqual([]);
});

test('no comment cites research notes, which are not in the repository', () => {
  const code = ['src', 'shaders', 'test', 'bench', 'e2e', 'scripts'].flatMap((folder) =>
    filesUnder(folder, /\.(ts|tsx|mjs|wgsl)$/),
  );
  const citing = code.filter((file) =>
    /\b(research[/ ]\w+(\.md)?|numerics\.md) \d/.test(readFileSync(join(ROOT, file), 'utf8')),
  );
  expect(citing).toEqual([]);
});

test('no file is longer than 400 lines', () => {
  const files = ['src', 'shaders', 'bench', 'e2e', 'test', 'build', 'scripts'].flatMap((folder) =>
    filesUnder(folder, /\.(ts|tsx|mjs|wgsl|css|c)$/),
  );
  const long = files.filter((file) => readFileSync(join(ROOT, file), 'utf8').split('\n').length > 401);
  expect(long).toEqual([]);
});

describe('shader files', () => {
  const files = filesUnder('shaders', /\.wgsl$/);

  test.each(files)('%s opens with its five labelled lines', (file) => {
    const lines = readFileSync(join(ROOT, file), 'utf8').split('\n');
    const name = file.split('/').at(-1)!.slice(0, -'.wgsl'.length);
    const labels = [name, 'shapes', 'numerics', 'dispatch', 'source'];
    for (const [i, label] of labels.entries()) {
      expect(lines[i], `line ${i + 1}`).toMatch(new RegExp(`^// ${label}: +\\S`));
    }
  });

  test.each(files.filter((file) => file.split('/').length === 2))(
    '%s has one entry point, named like the file',
    (file) => {
      const source = readFileSync(join(ROOT, file), 'utf8');
      const entryPoints = [...source.matchAll(/@compute[^{]*?fn (\w+)/g)].map(([, name]) => name);
      expect(entryPoints).toEqual([file.slice('shaders/'.length, -'.wgsl'.length)]);
    },
  );
});
