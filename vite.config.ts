import { fileURLToPath } from 'node:url';
import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';
import { contentPolicyPlugin } from './build/contentPolicy.ts';
import { docsPlugin } from './build/docs/plugin.ts';
import { LicenceCollector } from './build/licences/collector.ts';
import { offlinePlugin } from './build/offline/plugin.ts';
import { previewPlugin } from './build/preview.ts';
import { readSite } from './build/site.ts';
import { textsPlugin } from './build/texts.ts';

const ROOT = new URL('.', import.meta.url);
const site = readSite(ROOT);
const licences = new LicenceCollector(fileURLToPath(ROOT));

export default defineConfig({
  // Relative addresses, so that the built page works from any folder of any static server.
  base: './',
  // Without this the server would answer a missing text with the page itself.
  appType: 'mpa',
  define: { 'import.meta.env.VITE_REPOSITORY': JSON.stringify(site.repository ?? '') },
  plugins: [
    react(),
    textsPlugin(),
    contentPolicyPlugin(),
    previewPlugin(site),
    licences.plugin(),
    docsPlugin(site, () => ({ licences: licences.page() })),
    offlinePlugin(),
  ],
  worker: { format: 'es', plugins: () => [licences.plugin()] },
  // Only the worker imports it, which the dev server's scan does not see; when it is found late, the page reloads.
  optimizeDeps: {
    include: ['wesl/core', 'gpt-tokenizer/bpeRanks/r50k_base', '@huggingface/tokenizers', 'fflate'],
  },
  build: {
    target: 'es2023',
    // The chart chunk (recharts) is loaded separately, after the page is usable.
    chunkSizeWarningLimit: 600,
    modulePreload: { polyfill: false },
    // One style sheet (8 KB compressed): with one per part, a style sheet that failed to load once would be missing for
    // the rest of the visit.
    cssCodeSplit: false,
    // The page's essential code is one script instead of two dozen, which saves 8 KB.
    rolldownOptions: { output: { codeSplitting: { groups: [{ name: 'first', tags: ['$initial'] }] } } },
  },
});
