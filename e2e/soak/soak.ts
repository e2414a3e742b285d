/**
 * `npm run soak`: trains runs under faults, in an order given by a seed, and compares each of their steps with an
 * undisturbed run.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { integerAt } from '../../src/engine/core/rng.ts';
import { killBrowser } from '../killBrowser.ts';
import { ENDLESS, expect, reach, reachStep, snapshot, test } from '../page.ts';
import { expectSame, recordResults, results } from '../runs.ts';
import { damageNewest, FAULTS, type Fault, hide, loseDevice, refuseWrite, resume } from './faults.ts';
import { SoakReport } from './report.ts';
import { atLeast, lastStep, openVisit, savedStep, type Visit } from './visit.ts';

const MINUTES = Number(process.env.SOAK_MINUTES ?? 1);
const SEED = Number(process.env.SOAK_SEED ?? 1);

/** Faults injected into a run before it is stopped: the number of steps until then depends on the machine. */
const FAULTS_IN_RUN = 8;
const EVAL_EVERY = 10;
/** Modes with loss scales that overflow repeatedly, delayed scales, stochastic rounding, and none of these. */
const MODES = [
  'precision=fp16&lossScale=2^34&growthInterval=9',
  'precision=fp8-delayed',
  'precision=bf16-sr',
  'precision=fp32',
];
/** @param autosave seconds between saves */
const query = (mode: string, autosave = 0.2) =>
  `preset=smoke&steps=${ENDLESS}&sample=0&eval-every=${EVAL_EVERY}&eval-batches=1&${mode}&autosave=${autosave}`;

/** The faults in an order given by the seed, each once before any is repeated. */
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
  /** Even a short soak injects every fault once. */
  const isOngoing = () => Date.now() < end || injected < FAULTS.length;
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
      await visit.page.goto(`/?${query(mode)}`);
      await visit.page.getByTestId('train').click();
      // Before the first save nothing could survive.
      await atLeast(visit.page, 'a saved step', savedStep, 1);
      for (let count = 0; count < FAULTS_IN_RUN && isOngoing(); count++) {
        const { value: fault } = faults.next();
        injected += 1;
        report.injected(fault);
        await inject(fault, mode);
        await reachStep(visit.page, (await lastStep(visit.page)) + 1 + integerAt(injected, SEED + 1, 12));
        report.survived(fault);
      }
      const disturbed = await ended(visit.page);
      const last = disturbed.steps.at(-1)!.step;
      const whole = await undisturbed(page, mode, last);
      const skips = disturbed.steps.filter(({ skipped }) => skipped).length;
      const differ = (a: unknown, b: unknown) => JSON.stringify(a) !== JSON.stringify(b);
      const regular = ({ evals }: Run) =>
        evals.filter(({ step }) => step <= last && step % EVAL_EVERY === 0).map(({ valLoss }) => valLoss);
      report.runs += 1;
      report.steps += last;
      report.injected('overflow', skips);
      report.survived('overflow', skips);
      report.lost += disturbed.steps.filter((step) => differ(step, whole.steps[step.step - 1])).length;
      if (differ(regular(disturbed), regular(whole))) report.lost += 1;
      report.adapter = (await snapshot(visit.page)).adapter!.name;
      expectSame(disturbed.steps, whole.steps);
      expect(regular(disturbed)).toEqual(regular(whole));
      expect(visit.faults).toEqual([]);
    } while (isOngoing());
    await visit.context.close();
  } finally {
    report.print(process.env.SOAK_JSON);
    rmSync(profile, { recursive: true, force: true });
  }
});

type Run = Awaited<ReturnType<typeof ended>>;

/** Stops the run, which evaluates at any step. */
async function ended(page: Visit['page']) {
  await page.getByTestId('stop').click();
  await reach(page, 'done');
  return { steps: await results(page), evals: (await snapshot(page)).runs[0]!.evals };
}

const references = new Map<string, Run>();

/** An undisturbed run of at least this many steps; a mode's run is trained again only if the known one is shorter. */
async function undisturbed(page: Visit['page'], mode: string, steps: number): Promise<Run> {
  const known = references.get(mode);
  if (known && known.steps.length >= steps) return known;
  await recordResults(page);
  await page.goto(`/?${query(mode, 0)}&autostart=1`);
  await reachStep(page, steps);
  const run = await ended(page);
  await page.goto('about:blank');
  references.set(mode, run);
  return run;
}

async function kill({ context, faults }: Visit, profile: string): Promise<void> {
  expect(faults).toEqual([]);
  await killBrowser(context, profile);
}
