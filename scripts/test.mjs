/**
 * `npm test`: runs every check in order. When a stage fails, only the stages that need it are not run.
 *
 *   node scripts/test.mjs                    all stages
 *   node scripts/test.mjs --only unit,gpu    these stages, in the order below
 *   node scripts/test.mjs --check            the stages that have `check`, which take minutes: `npm run check`
 *
 * The last line is `N passed, M failed`, over all test runners. A stage that fails without a failed test counts as one.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { COMPILE_QUICKLY } from '../e2e/software-gpu/environment.mjs';

const repo = fileURLToPath(new URL('..', import.meta.url));
const reports = join(repo, '.cache', 'test-reports');

// Biome colours its output even in files, and ignores NO_COLOR.
const PLAIN = process.stdout.isTTY ? [] : ['--colors=off'];

// Programs are called by path, which works from npm, from a shell, and when npm has not linked the commands of packages.
const node = (script, ...args) => [process.execPath, join(repo, script), ...args];
const modules = (script, ...args) => node(join('node_modules', script), ...args);

const report = (stage) => join(reports, `${stage}.json`);
const vitestArguments = (project) => [
  ...['run', '--project', project],
  ...['--reporter=default', '--reporter=json', `--outputFile.json=${report(project)}`],
];
const vitest = (project, ...needs) => ({
  name: project,
  needs,
  command: modules('vitest/vitest.mjs', ...vitestArguments(project)),
  count: countVitest,
});

/** Every kernel in f32 and native f16, ten steps against PyTorch, and a saved run whose bits are known. */
const FEW_GPU_TESTS = [
  ...['kernels', 'training/torch.test.ts', 'training/oldFiles.test.ts'].map((path) => `test/gpu/${path}`),
  ...['--testNamePattern', "in '(fp32|fp16 native)'|follows PyTorch|terminal-fp16 is restored"],
];

/** The cover of all shader variants takes a minute, and the kernels that `check` runs are among them. */
const MOST_UNIT_TESTS = ['--exclude', 'test/unit/shaderVariants.test.ts'];

/** Stages with `check` are part of `npm run check`, with these arguments added to their command. */
const STAGES = [
  { name: 'setup', command: node('e2e/software-gpu/setup.mjs'), check: [] },
  { name: 'types', command: modules('typescript/bin/tsc', '--noEmit'), check: [] },
  {
    name: 'lint',
    command: modules('@biomejs/biome/bin/biome', 'ci', '--error-on-warnings', ...PLAIN, '.'),
    check: [],
  },
  { name: 'build', command: modules('vite/bin/vite.js', 'build') },
  { name: 'harness', command: modules('vite/bin/vite.js', 'build', '--config', 'vite.harness.config.ts') },
  { ...vitest('unit'), check: MOST_UNIT_TESTS },
  { ...vitest('components', 'setup'), check: [] },
  { ...vitest('gpu', 'setup'), check: FEW_GPU_TESTS },
  {
    name: 'matrix',
    command: node(
      'scripts/on-matrix-units.mjs',
      ...[join(repo, 'node_modules', 'vitest/vitest.mjs'), ...vitestArguments('matrix')],
    ),
    env: COMPILE_QUICKLY,
    count: countVitest,
  },
  vitest('package', 'setup'),
  { name: 'node-newest', needs: ['setup'], command: node('scripts/newest-node.mjs') },
  {
    name: 'e2e',
    needs: ['setup', 'build', 'harness'],
    command: modules('playwright/cli.js', 'test', '--reporter=list,json'),
    env: { PLAYWRIGHT_JSON_OUTPUT_FILE: report('e2e') },
    count: countPlaywright,
  },
  vitest('firefox', 'setup', 'build', 'harness'),
];

function countVitest(json) {
  // A test file that cannot be loaded fails without any failed test.
  const broken = json.testResults.filter(
    (file) => file.status === 'failed' && !file.assertionResults.some((test) => test.status === 'failed'),
  );
  return {
    passed: json.numPassedTests,
    failed: json.numFailedTests + broken.length,
    skipped: json.numPendingTests + json.numTodoTests,
  };
}

function countPlaywright({ stats, errors }) {
  return {
    passed: stats.expected,
    failed: stats.unexpected + stats.flaky + errors.length,
    skipped: stats.skipped,
  };
}

function selectedStages(args) {
  if (args.length === 0) return STAGES;
  if (args.length === 1 && args[0] === '--check') return checkStages();
  const names = args[0] === '--only' && args.length === 2 ? args[1].split(',') : [];
  const unknown = names.filter((name) => !STAGES.some((stage) => stage.name === name));
  if (names.length === 0 || unknown.length > 0) {
    console.error(
      `usage: test.mjs [--check | --only stage,...]; stages: ${STAGES.map((stage) => stage.name).join(', ')}`,
    );
    process.exit(2);
  }
  return STAGES.filter((stage) => names.includes(stage.name));
}

function checkStages() {
  return STAGES.filter(({ check }) => check).map(({ command, count, check, ...stage }) => ({
    ...stage,
    command: [...command, ...check],
    // Tests that the name pattern leaves out do not count as skipped.
    count: count && ((json) => ({ ...count(json), ...(check.length > 0 && { skipped: 0 }) })),
  }));
}

function childEnv() {
  if (process.stdout.isTTY) return process.env;
  const { FORCE_COLOR: _, ...env } = process.env; // logs are read as plain text
  return { ...env, NO_COLOR: '1' };
}

/** Runs one stage. @returns whether it passed, and its counts, which are 0 for stages that are not test runners */
function runStage({ name, command, env, count }) {
  console.log(`\n== ${name}`);
  const start = performance.now();
  const [program, ...args] = command;
  const done = spawnSync(program, args, { cwd: repo, stdio: 'inherit', env: { ...childEnv(), ...env } });
  const passed = done.status === 0;
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  console.log(`== ${name}: ${passed ? 'passed' : 'FAILED'} in ${seconds} s`);
  const counts = { passed: 0, failed: 0, skipped: 0 };
  if (count && existsSync(report(name)))
    Object.assign(counts, count(JSON.parse(readFileSync(report(name), 'utf8'))));
  if (!passed) counts.failed = Math.max(counts.failed, 1);
  // A name pattern that matches no title would leave out all tests.
  if (count && passed && counts.passed === 0) {
    console.log(`== ${name}: FAILED, because no test was run`);
    return { passed: false, counts: { ...counts, failed: 1 } };
  }
  return { passed, counts };
}

rmSync(reports, { recursive: true, force: true });
mkdirSync(reports, { recursive: true });
const total = { passed: 0, failed: 0, skipped: 0 };
const failed = new Set();
for (const stage of selectedStages(process.argv.slice(2))) {
  const missing = stage.needs?.find((name) => failed.has(name));
  if (missing) {
    console.log(`\n== ${stage.name}: not run, because ${missing} failed`);
    failed.add(stage.name);
    total.failed += 1;
    continue;
  }
  const { passed, counts } = runStage(stage);
  for (const key of Object.keys(total)) total[key] += counts[key];
  if (!passed) failed.add(stage.name);
}
if (total.skipped > 0) console.log(`\n${total.skipped} skipped`);
if (failed.size > 0) console.log(`\nfailed: ${[...failed].join(', ')}`);
console.log(`\n${total.passed} passed, ${total.failed} failed`);
process.exitCode = total.failed === 0 ? 0 : 1;
