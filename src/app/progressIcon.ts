/** The tab's icon, which shows the progress: with many tabs open only icons are visible. */

/** Fixed colours, because the icon is drawn outside the page, on light and dark tabs. */
const ACCENT = '#1d5fc4';
const REST = '#b9c6da';
const RADIUS = 12;
const LENGTH = 2 * Math.PI * RADIUS;

/** An SVG ring filled to `share` (0 to 1), clockwise from the top. */
export function progressIcon(share: number): string {
  const filled = (LENGTH * share).toFixed(1);
  const ring = `cx="16" cy="16" r="${RADIUS}" fill="none" stroke-width="7"`;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><circle ${ring} stroke="${REST}"/><circle ${ring} stroke="${ACCENT}" stroke-dasharray="${filled} ${LENGTH.toFixed(1)}" transform="rotate(-90 16 16)"/></svg>`;
}

let original: string | null = null;

/** Shows the progress as the icon; null restores the page's own icon. */
export function showProgressIcon(share: number | null): void {
  const link = document.querySelector<HTMLLinkElement>('link[rel="icon"]');
  if (!link) return;
  original ??= link.href;
  link.href = share === null ? original : `data:image/svg+xml,${encodeURIComponent(progressIcon(share))}`;
}
