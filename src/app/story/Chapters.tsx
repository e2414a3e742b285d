import type { ReactNode } from 'react';
import { bandsOf } from '../../engine/index.ts';
import { type RunView, useRun } from '../../store/runStore.ts';
import { formatCount, formatMiB, formatPercent, formatPowerOfTwo } from '../format.ts';
import { docsPage } from '../siteLinks.ts';
import styles from './Chapters.module.css';
import { FormatBars } from './FormatBars.tsx';

/** The ideas behind the story, one each. Figures are those of the runs above, or follow from the formats. */
export function Chapters() {
  const runs = useRun((state) => state.runs);
  const { normalFrom, overflowFrom } = bandsOf('f16');
  const ofMode = (mode: string) => runs.find(({ config }) => config.precision === mode);
  return (
    <div className={styles.chapters}>
      <Underflow />
      <LossScale run={ofMode('fp16')} />
      <Chapter
        title="The same bits, spent differently"
        link={docsPage('precision')}
        more="How each format is treated here"
      >
        <p>
          {`A number is a size and some digits. f16 spends most of its bits on digits and reaches from ${formatPowerOfTwo(normalFrom)} to ${formatPowerOfTwo(overflowFrom)}. bf16 keeps the reach of FP32 and gives up digits, so that it needs no loss scale. FP8 has 8 bits in all, and its reach is so short that every tensor gets a scale of its own.`}
        </p>
        <FormatBars />
      </Chapter>
      <Memory full={ofMode('fp32')} half={ofMode('fp16')} />
    </div>
  );
}

interface ChapterProps {
  title: string;
  /** The address of the page that says more. */
  link: string;
  more: string;
  children: ReactNode;
}

function Chapter({ title, link, more, children }: ChapterProps) {
  return (
    <section className={styles.chapter}>
      <h3>{title}</h3>
      {children}
      <p>
        <a href={link}>{more}</a>
      </p>
    </section>
  );
}

function Underflow() {
  const { keptFrom, normalFrom } = bandsOf('f16');
  return (
    <Chapter
      title="Too small to write down"
      link={docsPage('formats')}
      more="What a format does to each tensor"
    >
      <p>
        {`The smallest number that f16 holds with all its digits is ${formatPowerOfTwo(normalFrom)}, about ${(2 ** normalFrom).toFixed(5)}. Below it digits are lost, and below ${formatPowerOfTwo(keptFrom)} nothing is left: the number is stored as 0. Gradients are often that small, and a gradient of 0 changes nothing, however many steps are taken. This is called underflow. The run without scaling stores 0 below ${formatPowerOfTwo(normalFrom)} already, as some GPUs do.`}
      </p>
    </Chapter>
  );
}

function LossScale({ run }: { run: RunView | undefined }) {
  const latest = run?.latest;
  const measured = latest
    ? ` In the run above the scale stood at ${formatPowerOfTwo(Math.log2(latest.lossScale))} at the end, and ${formatCount(latest.skippedSteps)} of ${formatCount(latest.step)} steps were skipped.`
    : '';
  return (
    <Chapter title="Multiply first, divide later" link={docsPage('stability')} more="When a scale is wrong">
      <p>
        {`Every gradient is proportional to the loss. Multiply the loss by ${formatPowerOfTwo(16)}, and all gradients become ${formatCount(2 ** 16)} times as large, out of the zone that f16 cannot hold. Just before the model changes they are divided again. If one becomes too large instead, that step is skipped and the scale is halved; after some steps without, it is doubled.${measured}`}
      </p>
    </Chapter>
  );
}

function Memory({ full, half }: { full: RunView | undefined; half: RunView | undefined }) {
  const [of32, of16] = [memoryOf(full), memoryOf(half)];
  return (
    <Chapter
      title="What half the bits save"
      link="#table"
      more="Train four formats at the largest batch that each fits"
    >
      <p>
        What the model remembers of each text it reads takes half the space in 16 bits; larger batches fit,
        and less has to be moved. The model itself is kept in 32 bits as well, so that small changes add up.
      </p>
      {of32 && of16 && (
        <table className={styles.memory}>
          <thead>
            <tr>
              <td />
              <th scope="col">FP32</th>
              <th scope="col">f16, loss scaled</th>
              <th scope="col">of FP32</th>
            </tr>
          </thead>
          <tbody>
            {(
              [
                ['What it remembers (activations)', of32.activations, of16.activations],
                ['Everything', of32.total, of16.total],
              ] as const
            ).map(([name, a, b]) => (
              <tr key={name}>
                <th scope="row">{name}</th>
                <td translate="no">{formatMiB(a)}</td>
                <td translate="no">{formatMiB(b)}</td>
                <td translate="no">{formatPercent(b / a)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </Chapter>
  );
}

function memoryOf(run: RunView | undefined) {
  return (run?.facts ?? run?.summary)?.memory;
}
