/** What the page says where it cannot train: one text per reason. */
import type { UnsupportedReason } from '../session/protocol.ts';

export interface UnsupportedText {
  readonly title: string;
  /** What helps most often, in a sentence. */
  readonly short: string;
  readonly why: string;
  readonly steps: readonly string[];
}

export const UNSUPPORTED: Readonly<Record<UnsupportedReason, UnsupportedText>> = {
  noNavigatorGpu: {
    title: 'This browser does not offer WebGPU',
    short: 'A current Chrome, Edge, Safari or Firefox can train here.',
    why: 'Halfstep trains on the GPU through WebGPU, and this browser has none of it (navigator.gpu is missing).',
    steps: [
      'Update the browser, or open this page in a current Chrome, Edge, Safari or Firefox.',
      'If WebGPU is behind a setting in this browser, turn it on and reload.',
    ],
  },
  insecureContext: {
    title: 'This page needs a secure address',
    short: 'Opened with https://, or from localhost, it can train.',
    why: 'Browsers offer WebGPU only to pages opened over https, or from localhost.',
    steps: [
      'Open the same page with https:// at the start of its address.',
      'When you serve it yourself, use localhost or 127.0.0.1 instead of the name of the machine.',
    ],
  },
  noAdapter: {
    title: 'No GPU is available to this page',
    short: "Graphics acceleration, turned on in the browser's settings, usually helps.",
    why: 'The browser has WebGPU but offers no adapter: the GPU is blocked, its driver is too old, or hardware acceleration is off.',
    steps: [
      'Turn on "Use graphics acceleration when available" in the browser\'s system settings, and restart the browser.',
      'Update the graphics driver.',
      'In Chrome or Edge, chrome://gpu says why WebGPU is off. On a machine without a GPU, start Chrome with --enable-unsafe-webgpu to train on the processor.',
    ],
  },
  deviceRequestFailed: {
    title: 'The GPU refused to start',
    short: 'It usually starts when other tabs that use the GPU are closed.',
    why: 'An adapter is there, but the browser could not open a device on it. Often another program or tab holds the GPU, or its driver was just reset.',
    steps: ['Close other tabs that use the GPU, and reload.', 'Restart the browser, then the machine.'],
  },
  limitsTooLow: {
    title: 'This GPU is below the smallest that works',
    short: 'Another device, or a second GPU of this one, can train here.',
    why: 'The adapter allows less than the smallest preset needs. The message below has both numbers.',
    steps: [
      'Open this page on another device.',
      'If the machine has a second GPU, choose it for this browser.',
    ],
  },
  blockedByPolicy: {
    title: 'WebGPU is blocked for this page',
    short: 'A tab of its own, or a newer driver, may be allowed to train.',
    why: "The browser has WebGPU but does not let this page use it: the GPU or its driver is on the browser's blocklist, an administrator turned it off, or the page that this one is embedded in does not allow it.",
    steps: [
      'If this page is shown inside another one, open it in a tab of its own.',
      'Update the graphics driver and the browser: blocklists name old versions.',
      'On a managed machine, ask its administrator to allow WebGPU for this address.',
      'Check whether an extension that guards privacy blocks it.',
    ],
  },
  workerBlocked: {
    title: 'The training worker is blocked',
    short: 'A tab of its own, without extensions that block scripts, may be allowed to train.',
    why: 'Halfstep trains in a worker, a script that runs beside the page, and a rule of the server, of the browser or of an extension does not let it start.',
    steps: [
      'If this page is shown inside another one, open it in a tab of its own.',
      "If you serve this page, let its Content-Security-Policy allow workers of its own address: worker-src 'self'. docs/deploy.md has all headers.",
      'Check whether an extension that blocks scripts acts on this page.',
    ],
  },
  workerMissing: {
    title: 'The training worker could not be loaded',
    short: 'It usually arrives when the page is reloaded.',
    why: 'Halfstep trains in a worker, a script that runs beside the page, and that script did not arrive.',
    steps: [
      'Check the connection, and reload the page.',
      'The server may have a newer version of the page by now: reload it without the cache (Ctrl or Cmd, Shift and R).',
      'If you serve this page, check that the folder assets/ is complete and that .js files are sent as text/javascript.',
    ],
  },
};

/** No promises about versions to come: what is known on a day, and what was tried. */
export const SUPPORT: { readonly asOf: string; readonly rows: readonly (readonly [string, string])[] } = {
  asOf: 'November 2026',
  rows: [
    ['Chrome and Edge on a computer', 'yes; tested here with Chromium on Linux'],
    ['Chrome on Android', 'yes; untested by us'],
    ['Firefox on Windows and on Macs with Apple silicon', 'yes; untested by us'],
    ['Firefox elsewhere', 'in part; its kernels are tested on Linux with WebGPU turned on'],
    ['Safari 26 and later on macOS and iOS', 'yes; untested by us'],
  ],
};
