/** Runs the measurements that need a browser, which are programs in `bench/` that print JSON. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { EngineError } from '../engine/index.ts';

/**
 * Runs `bench/<script>` and returns the JSON that it prints. It reports progress on standard error. Blocks until it ends.
 * @throws EngineError NO_WEBGPU when the repository or its packages are missing, or the program fails
 */
export function browserBench<T>(script: string, args: readonly string[] = []): T {
  // The command is dist-tools/cli/bench.js of the repository.
  const path = join(dirname(process.argv[1]!), '../../bench', script);
  if (!existsSync(path)) {
    throw new EngineError(
      'NO_WEBGPU',
      `bench/${script} is missing here; it needs the repository, its packages and a browser.`,
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
    `bench/${script} ended with exit code ${status}; its messages are above.`,
    'It needs the development packages (npm ci), a Chromium (node e2e/software-gpu/setup.mjs) and the built page (npx vite build).',
  );
}
