/** The stage machine of FracTrain's progressive schedule (arXiv 2012.13113), in f64. The oracle of shaders/stage_decide.wgsl. */

/** What the machine remembers between observations. */
export interface StageState {
  readonly stage: number;
  readonly threshold: number;
  /** The observations since the stage began, at most the last five. */
  readonly recent: readonly number[];
  /** Mean of the first ten observations of the run. */
  readonly scale: number;
  readonly seen: number;
  /** Finite losses of the window that is not complete. */
  readonly losses: readonly number[];
  readonly forced: number;
}

export interface StageRule {
  readonly window: number;
  readonly stages: number;
  readonly threshold: number;
  readonly decay: number;
  readonly forced: readonly number[];
}

export function firstStage({ threshold }: Pick<StageRule, 'threshold'>): StageState {
  return { stage: 0, threshold, recent: [], scale: 0, seen: 0, losses: [], forced: 0 };
}

/** @param attempted number of the step, from 1 @param loss its mean loss; not finite where it overflowed */
export function nextStage(before: StageState, rule: StageRule, attempted: number, loss: number): StageState {
  let { stage, threshold, recent, scale, seen, losses, forced } = before;
  if (Number.isFinite(loss)) losses = [...losses, loss];
  let turns = false;
  if (attempted % rule.window === 0 && losses.length > 0) {
    const mean = losses.reduce((sum, each) => sum + each, 0) / losses.length;
    if (seen < 10) scale = (scale * seen + mean) / (seen + 1);
    seen += 1;
    recent = [...recent, mean].slice(-5);
    losses = [];
    turns = recent.length === 5 && recent.every((each) => Math.abs(each - mean) <= threshold * scale);
  }
  const isForced = !turns && attempted >= (rule.forced[stage] ?? Number.POSITIVE_INFINITY);
  if (stage + 1 < rule.stages && (turns || isForced)) {
    if (stage < 2) threshold *= rule.decay;
    if (isForced) forced += 1;
    stage += 1;
    recent = [];
  }
  return { stage, threshold, recent, scale, seen, losses, forced };
}
