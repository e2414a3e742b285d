import type { PlotMark } from './plot.ts';
import { runColor } from './series.ts';

/** A skipped step, as a triangle around a place in pixels. */
export function SkipMark({ mark: { run, sentence }, x, y }: { mark: PlotMark; x: number; y: number }) {
  return (
    <path
      d={`M${x} ${y - 6}l6 10h-12z`}
      fill="var(--bad)"
      stroke={runColor(run)}
      strokeLinejoin="round"
      data-testid="skip-mark"
    >
      <title>{sentence}</title>
    </path>
  );
}
