import { useMemo } from 'react';
import { useRun } from '../../store/runStore.ts';
import { formatOf } from '../../store/story/arms.ts';
import { gradientHistogram, lostByLayer, type StoryArm } from '../../store/story/figures.ts';
import { chooseScale, useStory } from '../../store/story/storyStore.ts';
import { formatCount, formatPowerOfTwo } from '../format.ts';
import { Chapters } from './Chapters.tsx';
import { GradientHistogram } from './GradientHistogram.tsx';
import { ModelDiagram } from './ModelDiagram.tsx';
import styles from './StoryDetails.module.css';
import { StoryEnd } from './StoryEnd.tsx';
import { useArms } from './useArms.ts';

/** Why it happens, with a handle to try it; then the end, and the ideas behind it. */
export default function StoryDetails() {
  const { scaled, unscaled } = useArms();
  return (
    <>
      <section className={styles.section} aria-labelledby="story-why">
        <h2 id="story-why">Why: the gradients are too small for 16 bits</h2>
        <p>
          These are the gradients of the model that learns, the one with its loss scaled. Each bar counts
          those of about the same size; every step to the left is half as large. The red zone is what 16 bits
          cannot hold. Drag the handle: multiplying the loss moves all of them to the right.
        </p>
        {scaled?.frame ? (
          <Explained scaled={scaled} frame={scaled.frame} unscaled={unscaled} />
        ) : (
          <p className={styles.waiting}>The gradients are counted while the runs train.</p>
        )}
      </section>
      <StoryEnd />
      <section className={styles.section} aria-labelledby="story-chapters">
        <h2 id="story-chapters">Four ideas behind it</h2>
        <Chapters />
      </section>
    </>
  );
}

interface ExplainedProps {
  scaled: StoryArm;
  frame: NonNullable<StoryArm['frame']>;
  unscaled: StoryArm | null;
}

function Explained({ scaled, frame, unscaled }: ExplainedProps) {
  const scale = useStory((state) => state.scale);
  const blocks = useRun((state) => state.configs[0]?.layers ?? 0);
  // What the run that fails stores them in. It drops subnormal numbers, as some GPUs do.
  const format = formatOf(unscaled ?? scaled);
  // As they are without a scale; the handle moves all of them by as many bars as it stands at.
  const still = useMemo(() => gradientHistogram(frame, 0, format), [frame, format]);
  const moved = useMemo(() => gradientHistogram(frame, scale, format), [frame, scale, format]);
  const layers = useMemo(() => lostByLayer(frame, scale, format), [frame, scale, format]);
  const real = unscaled?.frame;
  const now = useMemo(() => (real ? lostByLayer(real, 0, format) : null), [real, format]);
  return (
    <>
      <GradientHistogram
        still={still}
        moved={moved}
        scale={scale}
        onScale={chooseScale}
        of={`step ${formatCount(frame.step)}`}
      />
      <h3
        className={styles.which}
      >{`Where they would be lost, with the loss times ${formatPowerOfTwo(scale)}`}</h3>
      <ModelDiagram layers={layers} blocks={blocks} testId="story-model" />
      {now && (
        <>
          <h3 className={styles.which}>Where the run without scaling loses them now</h3>
          <ModelDiagram layers={now} blocks={blocks} testId="story-model-unscaled" />
        </>
      )}
      <p className={styles.remark}>
        {`Counted at step ${formatCount(frame.step)}. This f16 stores what is smaller than ${formatPowerOfTwo(still.bands.keptFrom)} as 0, as that of some GPUs does; others keep a part of it, with fewer digits.`}
      </p>
    </>
  );
}
