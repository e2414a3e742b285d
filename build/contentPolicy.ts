/** The built page's Content-Security-Policy: what it may load, and that nothing in it can be run but its own files. */
import type { Plugin } from 'vite';

export const CONTENT_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "worker-src 'self'",
  "style-src 'self'",
  "img-src 'self' data: blob:",
  // Texts of the page, and those that a visitor asks for by address.
  "connect-src 'self' https:",
  "base-uri 'none'",
  "form-action 'none'",
].join('; ');

/** Puts the policy into the page that is built; the dev server's page has inline scripts of its own. */
export function contentPolicyPlugin(): Plugin {
  return {
    name: 'halfstep-content-policy',
    apply: 'build',
    transformIndexHtml: {
      order: 'post',
      handler: () => [
        {
          tag: 'meta',
          attrs: { 'http-equiv': 'Content-Security-Policy', content: CONTENT_POLICY },
          injectTo: 'head-prepend',
        },
      ],
    },
  };
}
