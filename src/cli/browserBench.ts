/** Measurements that need a browser: programs of `bench/`, which print JSON. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { EngineError } from '../engine/index.ts';

/**
 * What `bench/<script>` prints. It says on standard error how far it is. Blocks until it ends.
 * @throws EngineError NO_WEBGPU where the repository or its packages are not there, or the program fails
 */
export function browserBench<T>(script: string, args: readonly string[] = []): T {
  // The command is dist-tools/cli/bench.js of the repository.
  const path = join(dirname(process.argv[1]!), '../../bench', script);
  if (!existsSync(path)) {
    throw new EngineError(
      'NO_WEBGPU',
      `bench/${script} needs a browser and packages that are not here.`,
      'Run npm ci and npm run bench in the repository.',
    );
  }
  const { status, stdout } = spawnSync(process.execPath, [path, ...args], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (status === 0) return JSON.parse(stdout) as T;
  throw new EngineError(
    'NO_WEBGPU',
    `bench/${script} ended with exit code ${status}; what it said is above.`,
    'It needs the development packages (npm ci), a Chromium (node e2e/software-gpu/setup.mjs) and the built page (npx vite build).',
  );
}
