/** `npm run gpu:report`: builds the report, which is TypeScript and reads the shaders, and runs it in this process. */
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'vite';
import { commitOf } from '../../scripts/checkout.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
await build({ configFile: join(root, 'bench/gpu-report/vite.config.ts'), logLevel: 'warn' });
globalThis.gpuReport = { root, commit: commitOf(root) };
await import(pathToFileURL(join(root, 'dist-tools/gpu-report/main.js')).href);
