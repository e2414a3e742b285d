/** What the story shows, computed from its runs. Pure functions; `storyArms` reads the stores for them. */
export { type StoryArm, type StoryArms, storyArms } from './arms.ts';
export { type StoryCard, storyCards } from './cards.ts';
export {
  DRAWN_EXPONENTS,
  type GradientHistogram,
  gradientHistogram,
  type HistogramBin,
  type LayerLoss,
  lostByLayer,
  type Zone,
} from './histogram.ts';
export { type Parting, partingStep } from './parting.ts';
export { type ShareCard, type SharedRun, STORY_TITLE, shareCard } from './shareCard.ts';
export { causalVerdict, type Verdict } from './verdict.ts';
