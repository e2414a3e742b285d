import { AxeBuilder } from '@axe-core/playwright';
import type { Page } from 'playwright/test';
import { expect, expectNoSidewaysScroll } from './page.ts';

/** A desktop and a phone. */
export const SIZES = [
  { width: 1440, height: 900 },
  { width: 375, height: 812 },
] as const;

/**
 * Fails with the rule, the element and the problem of each violation that axe finds, wide and narrow, in both themes, and
 * when the page is wider than its window. It leaves the page as wide as it was.
 */
export async function expectAccessible(page: Page, where: string): Promise<void> {
  const before = page.viewportSize();
  for (const size of SIZES) {
    await page.setViewportSize(size);
    await expectNoSidewaysScroll(page);
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme });
      // Without a second page that joins the results of frames, which takes half of the time: there are no frames here.
      const { violations, passes } = await new AxeBuilder({ page }).setLegacyMode().analyze();
      const found = violations.flatMap(({ id, nodes }) =>
        nodes.map(({ html, failureSummary }) => `${id}: ${html.slice(0, 200)} ${failureSummary}`),
      );
      expect(found, `${where}, ${size.width} px, ${colorScheme}`).toEqual([]);
      expect(passes.length, where).toBeGreaterThan(15);
    }
  }
  if (before) await page.setViewportSize(before);
}
