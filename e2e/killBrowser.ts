import { readdirSync, readFileSync } from 'node:fs';
import type { BrowserContext } from 'playwright/test';

/** SIGKILL to every process of the browser with this profile: none of them can write another word. */
export async function killBrowser(context: BrowserContext, profile: string): Promise<void> {
  const closed = context.waitForEvent('close');
  for (const id of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    if (commandLine(id).includes(`--user-data-dir=${profile}`)) process.kill(Number(id), 'SIGKILL');
  }
  await closed;
}

/** Empty for a process that has ended meanwhile. */
function commandLine(id: string): string {
  try {
    return readFileSync(`/proc/${id}/cmdline`, 'utf8');
  } catch {
    return '';
  }
}
