import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';
import { contentPolicyPlugin } from './build/contentPolicy.ts';
import { textsPlugin } from './build/texts.ts';

export default defineConfig({
  // Relative addresses: the built page works from any folder of any static server.
  base: './',
  // One page. Without this a missing text would be answered with the page itself.
  appType: 'mpa',
  plugins: [react(), textsPlugin(), contentPolicyPlugin()],
  worker: { format: 'es' },
  // Only the worker imports it, which the dev server's search does not see: found late, it would reload the page.
  optimizeDeps: { include: ['wesl/core', 'gpt-tokenizer/bpeRanks/r50k_base', 'fflate'] },
  build: {
    target: 'es2023',
    // The chart chunk (recharts) is loaded on its own, after the page is usable.
    chunkSizeWarningLimit: 600,
    modulePreload: { polyfill: false },
    // One style sheet of 8 KB, compressed: a part whose own had failed once would be shown without it from then on.
    cssCodeSplit: false,
    // What the page cannot do without is one script, not two dozen: 8 KB less.
    rolldownOptions: { output: { codeSplitting: { groups: [{ name: 'first', tags: ['$initial'] }] } } },
  },
});
