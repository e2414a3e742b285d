/** `npm run soak`: runs under faults, in an order that a seed gives, and each of their steps is that of a run without any. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { integerAt } from '../../src/engine/rng.ts';
import { killBrowser } from '../killBrowser.ts';
import { expect, reach, snapshot, test } from '../page.ts';
import { damageNewest, FAULTS, type Fault, hide, loseDevice, refuseWrite, resume } from './faults.ts';
import { SoakReport } from './report.ts';
import { atLeast, lastStep, openVisit, savedStep, stepsOf, type Visit } from './visit.ts';

const MINUTES = Number(process.env.SOAK_MINUTES ?? 1);
const SEED = Number(process.env.SOAK_SEED ?? 1);

/** As many as a snapshot of the page holds. */
const STEPS = 200;
/** Loss scales that overflow again and again, delayed scales, random rounding, and none of it. */
const MODES = [
  'precision=fp16&lossScale=2^34&growthInterval=9',
  'precision=fp8-delayed',
  'precision=bf16-sr',
  'precision=fp32',
];
/** Nothing is injected into the last steps: a run that has ended has nothing to survive. */
const LAST_FAULT = STEPS - 30;
/** @param autosave seconds between saves */
const query = (mode: string, autosave = 0.2) =>
  `preset=smoke&steps=${STEPS}&sample=0&${mode}&autosave=${autosave}`;

/** The faults in an order of the seed's, each once before any comes again. */
function* schedule(): Generator<Fault, never> {
  for (let draw = 0; ; ) {
    const deck = [...FAULTS];
    while (deck.length > 0) yield deck.splice(integerAt(draw++, SEED, deck.length), 1)[0]!;
  }
}

test(`training under faults for ${MINUTES} minutes`, async ({ page, baseURL }, { project }) => {
  const end = Date.now() + MINUTES * 60_000;
  const report = new SoakReport(SEED);
  const faults = schedule();
  let injected = 0;
  /** However short, a soak has every fault once. */
  const goesOn = () => Date.now() < end || injected < FAULTS.length;
  const profile = mkdtempSync(join(tmpdir(), 'halfstep-soak-'));
  const open = () => openVisit(profile, project.use.launchOptions!, baseURL!);
  let visit = await open();

  const inject = async (fault: Fault, mode: string): Promise<void> => {
    if (fault === 'device lost') return loseDevice(visit.page);
    if (fault === 'quota') return refuseWrite(visit.page, 'QuotaExceededError');
    if (fault === 'save failed') return refuseWrite(visit.page, 'InvalidStateError');
    if (fault === 'hidden') return hide(visit.page);
    const before = await lastStep(visit.page);
    await kill(visit, profile);
    visit = await open();
    if (fault === 'save damaged') await damageNewest(visit.page);
    report.repeated += Math.max(0, before - (await resume(visit.page, query(mode))));
  };

  try {
    do {
      const mode = MODES[report.runs % MODES.length]!;
      const whole = await undisturbed(page, mode);
      await visit.page.goto(`/?${query(mode)}`);
      await visit.page.getByTestId('train').click();
      // Before the first save there is nothing that could survive.
      await atLeast(visit.page, savedStep, 1);
      while (goesOn() && (await lastStep(visit.page)) <= LAST_FAULT) {
        const { value: fault } = faults.next();
        injected += 1;
        report.injected(fault);
        await inject(fault, mode);
        await atLeast(
          visit.page,
          lastStep,
          (await lastStep(visit.page)) + 1 + integerAt(injected, SEED + 1, 12),
        );
        report.survived(fault);
      }
      await reach(visit.page, 'done');
      const steps = await stepsOf(visit.page);
      const skips = steps.filter(({ skipped }) => skipped).length;
      const same = whole.steps.filter((step, i) => JSON.stringify(step) === JSON.stringify(steps[i])).length;
      const valLoss = (await snapshot(visit.page)).runs[0]!.summary!.valLoss;
      report.runs += 1;
      report.steps += steps.length;
      report.injected('overflow', skips);
      report.survived('overflow', skips);
      report.lost += STEPS - same + (valLoss === whole.valLoss ? 0 : 1);
      report.adapter = (await snapshot(visit.page)).adapter!.name;
      expect(steps).toEqual(whole.steps);
      expect(valLoss).toBe(whole.valLoss);
      expect(visit.faults).toEqual([]);
    } while (goesOn());
    await visit.context.close();
  } finally {
    report.print(process.env.SOAK_JSON);
    rmSync(profile, { recursive: true, force: true });
  }
});

const references = new Map<string, Awaited<ReturnType<typeof train>>>();

/** The same run, to which nothing happens; each mode's is trained once. */
async function undisturbed(page: Visit['page'], mode: string) {
  const known = references.get(mode) ?? (await train(page, mode));
  references.set(mode, known);
  return known;
}

async function train(page: Visit['page'], mode: string) {
  await page.goto(`/?${query(mode, 0)}&autostart=1`);
  await reach(page, 'done');
  const { valLoss } = (await snapshot(page)).runs[0]!.summary!;
  const steps = await stepsOf(page);
  await page.goto('about:blank');
  return { steps, valLoss };
}

async function kill({ context, faults }: Visit, profile: string): Promise<void> {
  expect(faults).toEqual([]);
  await killBrowser(context, profile);
}
