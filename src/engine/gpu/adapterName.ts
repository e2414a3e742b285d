/** How an adapter is called, and whether it is a software renderer. */

type AdapterNames = Pick<GPUAdapterInfo, 'vendor' | 'architecture' | 'description'>;

/** Names of software renderers. */
const SOFTWARE = /swiftshader|llvmpipe|lavapipe|softpipe|warp|basic render/i;

/** Vendor, architecture and description in one line. */
export function adapterName({ vendor, architecture, description }: AdapterNames): string {
  return [vendor, architecture, description].filter((part) => part !== '').join(' ') || 'unnamed adapter';
}

/** Whether an adapter is a software renderer, by its own statement or by its name. */
export function isSoftwareAdapter(info: AdapterNames & Pick<GPUAdapterInfo, 'isFallbackAdapter'>): boolean {
  return info.isFallbackAdapter === true || SOFTWARE.test(adapterName(info));
}
