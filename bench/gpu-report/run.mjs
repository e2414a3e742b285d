/** `npm run gpu:report`: builds the report, which is TypeScript and reads the shaders, and runs it in this process. */
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'vite';
import { commitOfPaths } from '../../scripts/checkout.mjs';

/** What is compiled, and by what. Documents may change meanwhile. */
const COMPILED_FROM = ['src', 'shaders', 'bench/gpu-report', 'package-lock.json'];

const root = fileURLToPath(new URL('../..', import.meta.url));
await build({ configFile: join(root, 'bench/gpu-report/vite.config.ts'), logLevel: 'warn' });
globalThis.gpuReport = { root, commit: commitOfPaths(root, COMPILED_FROM) };
await import(pathToFileURL(join(root, 'dist-tools/gpu-report/main.js')).href);
