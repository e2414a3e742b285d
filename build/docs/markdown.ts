/** Markdown to HTML, with what the pages of the documentation need: anchors, tables that scroll, and resolved links. */
import GithubSlugger from 'github-slugger';
import { Marked, type Tokens } from 'marked';
import { escapeHtml } from '../html.ts';

export interface Heading {
  readonly id: string;
  readonly depth: number;
  readonly html: string;
}

export interface Rendered {
  /** The first heading of depth 1, as plain text. */
  readonly title: string;
  readonly html: string;
  readonly headings: readonly Heading[];
}

export interface Target {
  readonly address: string;
  /** The title of the page that it leads to. */
  readonly title?: string;
}

export interface Resolver {
  /** What a link of the document becomes; null for what the site does not have: its text stays. */
  link(href: string): Target | null;
  /** The HTML of a picture. */
  picture(href: string, alt: string): string;
}

/** The anchors of a document, as GitHub makes them from its headings. */
export function anchorsOf(source: string): Set<string> {
  const slugger = new GithubSlugger();
  const headings = new Marked().lexer(source).filter((token) => token.type === 'heading');
  return new Set(headings.map((token) => slugger.slug(plainText((token as Tokens.Heading).text))));
}

export function renderMarkdown(source: string, { link, picture }: Resolver): Rendered {
  const slugger = new GithubSlugger();
  const headings: Heading[] = [];
  let title = '';
  let section = '';
  const marked = new Marked({
    renderer: {
      heading({ tokens, text, depth }) {
        const html = this.parser.parseInline(tokens);
        const plain = plainText(text);
        const id = slugger.slug(plain);
        if (depth === 1 && title === '') title = plain;
        section = plain;
        headings.push({ id, depth, html: html.replace(/<\/?a\b[^>]*>/g, '') });
        const anchor = `<a class="anchor" href="#${id}" aria-label="Link to ${escapeHtml(plain)}">#</a>`;
        return `<h${depth} id="${id}">${html}${depth === 1 ? '' : ` ${anchor}`}</h${depth}>\n`;
      },
      link({ href, tokens }) {
        const text = this.parser.parseInline(tokens);
        const target = link(href);
        if (target === null) return text;
        // Readers of the site know pages by their titles, not by their files.
        const words =
          target.title !== undefined && /^[\w./-]+\.md$/.test(text) ? escapeHtml(target.title) : text;
        return `<a href="${escapeHtml(target.address)}">${words}</a>`;
      },
      image: ({ href, text }) => picture(href, text),
      paragraph({ tokens }) {
        const html = this.parser.parseInline(tokens);
        const alone = tokens.length === 1 && tokens[0]!.type === 'image';
        return alone ? `<figure>${html}</figure>\n` : `<p>${html}</p>\n`;
      },
      table({ header, rows }) {
        const cells = (row: readonly Tokens.TableCell[], tag: 'th' | 'td') =>
          row.map((cell, i) => {
            const inline = this.parser.parseInline(cell.tokens);
            const aligned = isOfNumbers(rows, i) ? ' class="number"' : '';
            // A head without words is not one.
            if (tag === 'td' || cell.text === '') return `<td${aligned}>${inline}</td>`;
            return `<th scope="col"${aligned}>${inline}</th>`;
          });
        const row = (list: readonly string[]) => `<tr>${list.join('')}</tr>\n`;
        const head = header.some((cell) => cell.text !== '')
          ? `<thead>${row(cells(header, 'th'))}</thead>`
          : '';
        const body = rows.map((one) => row(cells(one, 'td'))).join('');
        const width = header.length >= 5 ? 5 : header.length >= 3 ? 3 : 1;
        return scrolling(
          `Table: ${section}`,
          `<table class="columns${width}">${head}<tbody>${body}</tbody></table>`,
        );
      },
      code: ({ text }) => scrolling(`Code: ${section}`, `<pre><code>${escapeHtml(text)}</code></pre>`),
      html: ({ text }) => escapeHtml(text),
      text(token) {
        if ('tokens' in token && token.tokens) return this.parser.parseInline(token.tokens);
        return typeset(token.type === 'text' && token.escaped ? token.text : escapeHtml(token.text));
      },
    },
  });
  const html = marked.parse(source, { async: false });
  return { title, html, headings };
}

/** A box that scrolls sideways, which the keyboard must be able to reach. */
function scrolling(label: string, content: string): string {
  return `<div class="scroll" role="group" tabindex="0" aria-label="${escapeHtml(label)}">${content}</div>\n`;
}

/** Raises exponents (2^-24), and marks dates, which must not be broken. */
function typeset(html: string): string {
  return html
    .replace(/(?<=\d)\^(-?)(\d+)/g, (_, sign, digits) => `<sup>${sign && '−'}${digits}</sup>`)
    .replace(/\b\d{4}-\d\d-\d\d\b/g, '<time>$&</time>');
}

/** Whether all cells of a column are numbers, with their units and signs. */
function isOfNumbers(rows: readonly (readonly Tokens.TableCell[])[], column: number): boolean {
  const texts = rows.map((row) => row[column]?.text ?? '').filter((text) => text !== '');
  return texts.length > 0 && texts.every((text) => /^[-+±]?[\d.,]+ ?[%a-zA-Z/]{0,8}$|^-$/.test(text));
}

/** A heading without the marks of inline Markdown. */
function plainText(text: string): string {
  return text
    .replace(/!?\[([^\]]*)\]\([^)]*\)/g, '$1')
    .replace(/[`*]/g, '')
    .trim();
}
