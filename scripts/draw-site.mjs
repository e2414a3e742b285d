/**
 * Draws the pictures of the site from their sources, in the Chromium of the page tests: icons from public/favicon.svg,
 * and the preview of shared links from public/recorded-run.json.
 *
 *   node scripts/draw-site.mjs            (after `npm run test:setup`)
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright';
import { chromiumSwiftShader } from '../e2e/software-gpu/environment.mjs';
import { smallerPng } from './draw/png.mjs';
import { previewSvg } from './draw/preview.mjs';

const PUBLIC = fileURLToPath(new URL('../public', import.meta.url));
const text = (name) => readFileSync(join(PUBLIC, name), 'utf8');

/** Icons that an operating system cuts to its own shape need their content within the inner 80 %, on a full square. */
function maskable(svg) {
  const path = /<path[^>]*\/>/.exec(svg)[0];
  const colour = /<rect[^>]*fill="([^"]+)"/.exec(svg)[1];
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" fill="${colour}"/><g transform="translate(5 5) scale(0.6875)">${path}</g></svg>`;
}

const browser = await chromium.launch(chromiumSwiftShader());
try {
  const draw = async (name, svg, width, height = width) => {
    const page = await browser.newPage({ viewport: { width, height } });
    const sized = svg.replace('<svg', `<svg width="${width}" height="${height}"`);
    await page.setContent(`<style>body{margin:0}svg{display:block}</style>${sized}`);
    const png = smallerPng(await page.screenshot({ omitBackground: true }));
    writeFileSync(join(PUBLIC, name), png);
    console.log(`public/${name}: ${png.length} bytes`);
    await page.close();
  };
  const icon = text('favicon.svg');
  await draw('icon-192.png', icon, 192);
  await draw('icon-512.png', icon, 512);
  await draw('icon-maskable-512.png', maskable(icon), 512);
  await draw('preview.png', previewSvg(JSON.parse(text('recorded-run.json'))), 1200, 630);
} finally {
  await browser.close();
}
