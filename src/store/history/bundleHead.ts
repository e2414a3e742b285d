/** The format name at the beginning of a bundle of runs. */
export const BUNDLE_FORMAT = 'halfstep-runs';

const HEAD = new RegExp(`^\\s*\\{\\s*"format"\\s*:\\s*"${BUNDLE_FORMAT}"`);
const HEAD_BYTES = 200;

/** Whether a file begins like a bundle, complete or not. */
export async function isBundle(file: Blob): Promise<boolean> {
  const head = await file
    .slice(0, HEAD_BYTES)
    .text()
    .catch(() => '');
  return HEAD.test(head);
}
