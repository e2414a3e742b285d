import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';

/** Builds the report for Node, with the engine and its shaders inside. */
export default defineConfig({
  publicDir: false,
  build: {
    ssr: true,
    outDir: fileURLToPath(new URL('../../dist-tools/gpu-report', import.meta.url)),
    target: 'node20',
    sourcemap: true,
    rolldownOptions: { input: fileURLToPath(new URL('main.ts', import.meta.url)) },
  },
});
