import { readdirSync, readFileSync } from 'node:fs';
import type { Browser, BrowserContext } from 'playwright/test';

/** Sends SIGKILL to every process of the browser with this profile, so that none of them can write anything more. */
export async function killBrowser(context: BrowserContext, profile: string): Promise<void> {
  const closed = context.waitForEvent('close');
  for (const id of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    if (commandLine(id).includes(`--user-data-dir=${profile}`)) process.kill(Number(id), 'SIGKILL');
  }
  await closed;
}

/** Sends SIGKILL to the GPU process of this browser, which then starts another. */
export async function killGpuProcess(browser: Browser): Promise<void> {
  const session = await browser.newBrowserCDPSession();
  const { processInfo } = await session.send('SystemInfo.getProcessInfo');
  const gpu = processInfo.find(({ type }) => type === 'GPU');
  if (!gpu) throw new Error('this browser has no GPU process');
  process.kill(gpu.id, 'SIGKILL');
  await session.detach();
}

/** The command line of a process; empty if it has ended meanwhile. */
function commandLine(id: string): string {
  try {
    return readFileSync(`/proc/${id}/cmdline`, 'utf8');
  } catch {
    return '';
  }
}
