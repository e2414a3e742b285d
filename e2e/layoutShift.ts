/** Measures how far the page moves by itself, as Chromium's layout shift score. */
import { expect, type Page } from 'playwright/test';

/** The most that a flow may move the page: a fifth of what Web Vitals call good. */
const MOST = 0.02;

interface Shifts {
  score: number;
  moved: string[];
}

/** Watches from the next navigation on. Shifts right after a press count too, which Web Vitals leave out. */
export async function watchShifts(page: Page): Promise<void> {
  await page.addInitScript(() => {
    const shifts: Shifts = { score: 0, moved: [] };
    Object.assign(window, { shifts });
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries() as (PerformanceEntry & { value: number; sources: Source[] })[]) {
        shifts.score += entry.value;
        shifts.moved.push(
          ...entry.sources.map(
            ({ node, previousRect, currentRect }) =>
              `${node instanceof HTMLElement ? (node.dataset.testid ?? `${node.localName}.${node.className}`) : node?.nodeName} from ${previousRect.y} to ${currentRect.y}`,
          ),
        );
      }
    }).observe({ type: 'layout-shift', buffered: true });
    interface Source {
      node: Node | null;
      previousRect: DOMRectReadOnly;
      currentRect: DOMRectReadOnly;
    }
  });
}

/** Forgets the shifts so far. @returns them */
export function takeShifts(page: Page): Promise<Shifts> {
  return page.evaluate(() => {
    const { shifts } = window as unknown as { shifts: Shifts };
    const taken = { ...shifts };
    Object.assign(shifts, { score: 0, moved: [] });
    return taken;
  });
}

/** Fails if the page has moved more than allowed since the last call or {@link takeShifts}. */
export async function expectStill(page: Page, flow: string): Promise<void> {
  const { score, moved } = await takeShifts(page);
  expect(score, `${flow} moves ${moved.join('; ')}`).toBeLessThanOrEqual(MOST);
}
