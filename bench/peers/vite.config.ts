import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';
import { textsPlugin } from '../../build/texts.ts';

const here = fileURLToPath(new URL('.', import.meta.url));

/** Pages of the comparison, one an implementation (run.mjs names it): no part of the product, and none of the others. */
export default defineConfig(({ mode: implementation }) => ({
  root: here,
  base: './',
  publicDir: false,
  plugins: [textsPlugin()],
  build: {
    target: 'es2023',
    outDir: `../../dist-tools/peers/${implementation}`,
    emptyOutDir: true,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 2000,
    rolldownOptions: { input: `${here}${implementation}.html` },
  },
}));
