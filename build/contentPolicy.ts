/** The Content-Security-Policy of the built page, which restricts what it loads and lets it run only its own files. */
import type { Plugin } from 'vite';

export const CONTENT_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "worker-src 'self'",
  "style-src 'self'",
  "img-src 'self' data: blob:",
  "manifest-src 'self'",
  // The page's own texts, and texts that the visitor loads from an address.
  "connect-src 'self' https:",
  "base-uri 'none'",
  "form-action 'none'",
].join('; ');

/** Adds the policy to the built page. The dev server's page needs inline scripts, so it gets none. */
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
