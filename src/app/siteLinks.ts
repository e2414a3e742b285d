/** Links from the page to what the build writes beside it (build/docs), and to the source if the build knows where it is. */

/** The page of the repository, or null. */
export const SOURCE: string | null = import.meta.env.VITE_REPOSITORY || null;

/** The address of a page of the documentation: that of `docs/<name>.md`, of `index` or of `licences`. */
export function docsPage(name: string, anchor?: string): string {
  return `docs/${name}.html${anchor === undefined ? '' : `#${anchor}`}`;
}
