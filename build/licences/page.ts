/** The page that lists the licences of everything the site ships. */
import type { WrittenPage } from '../docs/collect.ts';
import { escapeHtml } from '../html.ts';
import type { ShippedPackage } from './packages.ts';

/**
 * @param own the text of Halfstep's own licence
 * @param texts the notice of the built-in texts
 */
export function licencesPage(packages: readonly ShippedPackage[], own: string, texts: string): WrittenPage {
  const rows = packages.map(
    ({ name, version, licence }) =>
      `<tr><td><a href="#${idOf(name)}">${escapeHtml(name)}</a></td><td>${escapeHtml(version)}</td><td>${escapeHtml(licence)}</td></tr>`,
  );
  const full = packages.map(
    ({ name, version, homepage, texts: files }) =>
      `<h3 id="${idOf(name)}">${escapeHtml(name)} ${escapeHtml(version)}</h3>\n${
        homepage === null ? '' : `<p><a href="${escapeHtml(homepage)}">${escapeHtml(homepage)}</a></p>\n`
      }<details><summary>Licence of ${escapeHtml(name)}</summary>${preformatted(files)}</details>\n`,
  );
  const html = `<h1 id="licences">Licences</h1>
<p>Halfstep is MIT. This page lists every package whose code is in the files of this site, as the build found it in the bundles, and the built-in texts.</p>
<h2 id="halfstep">Halfstep</h2>
${preformatted([own])}
<h2 id="packages">Packages</h2>
<div class="scroll" role="group" tabindex="0" aria-label="Table: Packages"><table><thead><tr><th scope="col">package</th><th scope="col">version</th><th scope="col">licence</th></tr></thead><tbody>
${rows.join('\n')}
</tbody></table></div>
<h2 id="texts">Texts</h2>
${preformatted([texts])}
<h2 id="full">Licences in full</h2>
${full.join('')}`;
  const headings = [
    ['halfstep', 'Halfstep'],
    ['packages', 'Packages'],
    ['texts', 'Texts'],
    ['full', 'Licences in full'],
  ] as const;
  return { html, headings: headings.map(([id, words]) => ({ id, depth: 2, html: words })) };
}

function preformatted(texts: readonly string[]): string {
  return texts.map((text) => `<pre class="licence">${escapeHtml(text)}</pre>`).join('\n');
}

function idOf(name: string): string {
  return `package-${name.replace(/[^\w-]+/g, '-')}`;
}
