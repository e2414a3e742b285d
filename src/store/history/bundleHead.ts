/** How a bundle of runs begins. */
export const BUNDLE_FORMAT = 'halfstep-runs';

const HEAD = new RegExp(`^\\s*\\{\\s*"format"\\s*:\\s*"${BUNDLE_FORMAT}"`);
const HEAD_BYTES = 200;

/** Whether a file was meant as a bundle, whole or not. */
export async function isBundle(file: Blob): Promise<boolean> {
  const head = await file
    .slice(0, HEAD_BYTES)
    .text()
    .catch(() => '');
  return HEAD.test(head);
}
