import { type RefObject, useEffect, useState } from 'react';
import { useUi } from '../../../store/uiStore.ts';
import type { Palette } from './drawHeatmap.ts';

const TOKENS = ['text', 'muted', 'line', 'accent', 'bad', 'caution'] as const;

/**
 * Resolves the colour tokens for a canvas: light-dark() is resolved only where a colour is used, as here on a child.
 */
export function usePalette(host: RefObject<HTMLElement | null>): Palette | null {
  const theme = useUi((state) => state.theme);
  const [palette, setPalette] = useState<Palette | null>(null);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the colours follow the theme
  useEffect(() => {
    const read = () => {
      if (!host.current) return;
      const probe = document.createElement('span');
      host.current.append(probe);
      const [text, muted, line, value, bad, caution] = TOKENS.map((token) => {
        probe.style.color = `var(--${token})`;
        return getComputedStyle(probe).color;
      });
      probe.remove();
      const font = `12px ${getComputedStyle(host.current).fontFamily}`;
      setPalette({ text, muted, line, value, bad, caution, font } as Palette);
    };
    read();
    const scheme = matchMedia('(prefers-color-scheme: dark)');
    // The root's attribute changes after this effect when the theme is chosen on the page.
    const observer = new MutationObserver(read);
    observer.observe(document.documentElement, { attributes: true, attributeFilter: ['data-theme'] });
    scheme.addEventListener('change', read);
    return () => {
      observer.disconnect();
      scheme.removeEventListener('change', read);
    };
  }, [theme, host]);
  return palette;
}
