/** Simulates a disk that becomes full, by a limit on file sizes that makes the system write a part and then fail. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'vite';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { WAIT_MS } from '../../e2e/limits.ts';

let folder: string;
const built = () => join(folder, 'built');

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'halfstep-'));
  const entry = fileURLToPath(new URL('../../src/cli/atomicFile.ts', import.meta.url));
  await build({
    ...{ configFile: false, logLevel: 'error', ssr: { noExternal: true } },
    build: {
      ssr: entry,
      outDir: built(),
      rolldownOptions: { output: { entryFileNames: 'atomicFile.mjs' } },
    },
  });
});
afterAll(() => rmSync(folder, { recursive: true }));

test.each([
  ['a report', 'BAD_VALUE', 'writer.writeAtomically(path, content)'],
  [
    'a run',
    'SAVE_FAILED',
    'await writer.writePiecesAtomically(path, (async function* () { yield Buffer.from(content); })())',
  ],
])('%s that does not fit leaves the old file unchanged, and no temporary file', (name, code, call) => {
  const path = join(folder, `${name}.json`);
  writeFileSync(path, 'before');
  const script = `
    import * as writer from ${JSON.stringify(join(built(), 'atomicFile.mjs'))};
    process.on('SIGXFSZ', () => undefined); // the limit sends this signal, which a full disk does not
    const [path, content] = [${JSON.stringify(path)}, 'x'.repeat(1e5)];
    try {
      ${call};
      process.stdout.write('written');
    } catch (error) {
      process.stdout.write(error.code + ' ' + error.message);
    }`;
  const { stdout, stderr } = spawnSync(
    'sh',
    ['-c', 'ulimit -f 16 && exec "$@"', 'sh', process.execPath, '--input-type=module', '-e', script],
    { encoding: 'utf8', timeout: WAIT_MS },
  );
  expect(stderr).toBe('');
  expect(stdout).toMatch(new RegExp(`^${code} Cannot write "${path}": EFBIG`));
  expect(readFileSync(path, 'utf8')).toBe('before');
  expect(readdirSync(folder).filter((file) => file.startsWith(name))).toEqual([`${name}.json`]);
});
