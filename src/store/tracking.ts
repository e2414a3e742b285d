/**
 * Tracking parameters that search engines, mail programs and networks add to links: they are neither settings nor
 * mistakes of the visitor.
 */

const TRACKING: ReadonlySet<string> = new Set([
  ...[
    'fbclid',
    'gclid',
    'gbraid',
    'wbraid',
    'dclid',
    'gad_source',
    'gad_campaignid',
    'srsltid',
    '_ga',
    '_gl',
  ],
  ...['msclkid', 'yclid', 'ysclid', 'twclid', 'ttclid', 'li_fat_id', 'rdt_cid', 'epik', 'igsh', 'igshid'],
  ...['mc_cid', 'mc_eid', '_hsenc', '_hsmi', 'mkt_tok', 'vero_id', 'trk', 'spm', 's_cid'],
  ...['ref', 'ref_src', 'ref_url', 'referrer', 'source'],
]);

/** @param key of an address's query */
export function isTracking(key: string): boolean {
  const name = key.toLowerCase();
  return name.startsWith('utm_') || TRACKING.has(name);
}

/** The query without tracking keys; every other character is unchanged. */
export function withoutTracking(query: string): string {
  const kept = query
    .replace(/^\?/, '')
    .split('&')
    .filter((pair) => ![...new URLSearchParams(pair).keys()].some(isTracking));
  return kept.join('') === '' ? '' : `?${kept.join('&')}`;
}
