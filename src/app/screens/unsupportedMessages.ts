/** Texts for browsers in which the page cannot train, one for each reason. */
import type { UnsupportedReason } from '../../session/protocol.ts';

export interface UnsupportedText {
  readonly title: string;
  /** The most common remedy, in a sentence. */
  readonly short: string;
  readonly why: string;
  readonly steps: readonly string[];
}

export const UNSUPPORTED: Readonly<Record<UnsupportedReason, UnsupportedText>> = {
  noNavigatorGpu: {
    title: 'This browser does not offer WebGPU',
    short: 'You can train here with a current Chrome, Edge, Safari or Firefox.',
    why: 'Halfstep trains on the GPU through WebGPU, which this browser does not have (navigator.gpu is missing).',
    steps: [
      'Update the browser, or open this page in a current Chrome, Edge, Safari or Firefox.',
      'If WebGPU is behind a setting in this browser, turn it on and reload.',
    ],
  },
  insecureContext: {
    title: 'This page needs a secure address',
    short: 'You can train here when the page is opened with https:// or from localhost.',
    why: 'Browsers offer WebGPU only to pages opened over https, or from localhost.',
    steps: [
      'Open the same page with https:// at the start of its address.',
      'If you serve it yourself, use localhost or 127.0.0.1 instead of the name of the machine.',
    ],
  },
  noAdapter: {
    title: 'No GPU is available to this page',
    short: "Turning on graphics acceleration in the browser's settings usually helps.",
    why: 'The browser has WebGPU but offers no adapter: the GPU is blocked, its driver is too old, or hardware acceleration is off.',
    steps: [
      'Turn on "Use graphics acceleration when available" in the browser\'s system settings, and restart the browser.',
      'Update the graphics driver.',
      'In Chrome or Edge, chrome://gpu says why WebGPU is off. On a machine without a GPU, start Chrome with --enable-unsafe-webgpu to train on the CPU.',
    ],
  },
  deviceRequestFailed: {
    title: 'The GPU did not start',
    short: 'It usually starts after other tabs that use the GPU are closed.',
    why: 'The browser found an adapter but could not open a device on it. Often another program or tab is using the GPU, or its driver was just reset.',
    steps: ['Close other tabs that use the GPU, and reload.', 'Restart the browser, then the machine.'],
  },
  limitsTooLow: {
    title: 'This GPU does not meet the minimum limits',
    short: 'Another device, or a second GPU of this one, may be able to train.',
    why: 'The adapter allows less than the smallest preset needs. The message below has both numbers.',
    steps: [
      'Open this page on another device.',
      'If the machine has a second GPU, choose it for this browser.',
    ],
  },
  blockedByPolicy: {
    title: 'WebGPU is blocked for this page',
    short: 'Opening the page in its own tab, or a newer driver, may help.',
    why: "The browser has WebGPU but does not let this page use it: the GPU or its driver is on the browser's blocklist, an administrator turned WebGPU off, or the embedding page does not allow it.",
    steps: [
      'If this page is shown inside another one, open it in its own tab.',
      'Update the graphics driver and the browser, since blocklists name old versions.',
      'On a managed machine, ask its administrator to allow WebGPU for this address.',
      'Check whether a privacy extension blocks it.',
    ],
  },
  workerBlocked: {
    title: 'The training worker is blocked',
    short: 'Opening the page in its own tab, without extensions that block scripts, may help.',
    why: 'Halfstep trains in a worker, a script that runs beside the page. A rule of the server, the browser or an extension prevents it from starting.',
    steps: [
      'If this page is shown inside another one, open it in its own tab.',
      "If you serve this page, allow workers from the same address in its Content-Security-Policy: worker-src 'self'. docs/deploy.md lists all headers.",
      'Check whether an extension blocks scripts on this page.',
    ],
  },
  workerMissing: {
    title: 'The training worker could not be loaded',
    short: 'Reloading the page usually helps.',
    why: 'Halfstep trains in a worker, a script that runs beside the page, and that script could not be loaded.',
    steps: [
      'Check the connection, and reload the page.',
      'The server may have a newer version of the page. Reload it without the cache (Ctrl or Cmd + Shift + R).',
      'If you serve this page, check that the folder assets/ is complete and that .js files are sent as text/javascript.',
    ],
  },
};

/** Browser support as known on the given date, without promises about later versions. */
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
