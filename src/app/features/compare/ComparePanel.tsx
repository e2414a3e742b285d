import { useMemo, useState } from 'react';
import { useShallow } from 'zustand/react/shallow';
import {
  aboutLine,
  type ComparisonTable,
  comparisonTable,
  planLimits,
  startProof,
  startSentence,
  toMarkdown,
  variantTitle,
  verdict,
} from '../../../engine/index.ts';
import { clockOf, endedRuns } from '../../../store/comparison.ts';
import { budgetBytes, budgetOr, useMeasurements } from '../../../store/measurementStore.ts';
import { useRun } from '../../../store/runStore.ts';
import { Button } from '../../ui/Button.tsx';
import { FiguresTable } from '../../ui/FiguresTable.tsx';
import { Note } from '../../ui/Note.tsx';
import { Panel } from '../../ui/Panel.tsx';
import { Swatch } from '../../ui/Swatch.tsx';
import styles from './ComparePanel.module.css';

/** The comparison of the modes: the proof of an equal start, a table that fills as runs end, and the verdict. */
export default function ComparePanel() {
  const table = useTable();
  const sentence = table && verdict(table.comparison);
  return (
    <Panel title="Comparison" aria-label="Comparison">
      <StartLine />
      {!table && <p className={styles.start}>The table fills as each run ends.</p>}
      {table && (
        <>
          <Table table={table} />
          {sentence !== null && (
            <p className={styles.verdict} data-testid="verdict">
              {sentence}
            </p>
          )}
          <CopyMarkdown table={table} sentence={sentence} />
        </>
      )}
    </Panel>
  );
}

/** Recomputed when a run ends, not at every redraw; null before the first run has ended. */
function useTable(): ComparisonTable | null {
  const ended = useRun(
    useShallow(({ runs }) => runs.map(({ summary, error }) => summary !== null || error !== null)),
  );
  const configs = useRun((state) => state.configs);
  const adapter = useRun((state) => state.adapter);
  const given = useMeasurements((state) => state.budget);
  const bytes = budgetBytes(budgetOr({ budget: given }, adapter?.isFallback ?? false));
  // biome-ignore lint/correctness/useExhaustiveDependencies: the runs are read when one has ended or others have started
  return useMemo(() => {
    const { runs, schedule } = useRun.getState();
    if (!ended.includes(true)) return null;
    const budget = adapter && bytes !== null ? { bytes, limits: planLimits(adapter.limits) } : null;
    return comparisonTable(runs, endedRuns(runs, schedule), clockOf(schedule), budget);
  }, [ended, configs, adapter, bytes]);
}

function StartLine() {
  // As text, so that React sees an equal value: views are new objects at every redraw.
  const text = useRun(({ runs }) => {
    const proof = startProof(runs);
    return proof && startSentence(proof);
  });
  const alike = useRun(({ runs }) => startProof(runs)?.start != null);
  if (text === null) return null;
  if (alike) {
    return (
      <p className={styles.start} data-testid="identical-start">
        {text}
      </p>
    );
  }
  return (
    <Note kind="bad" testId="different-start">
      <p>{text}</p>
    </Note>
  );
}

function Table({ table: { modes, rows, comparison } }: { table: ComparisonTable }) {
  const note = comparison.seeds > 1 ? `Mean and range of ${comparison.seeds} seeds.` : null;
  return (
    <>
      {note && <p className={styles.start}>{note}</p>}
      <FiguresTable label="Comparison table" className={styles.compared} data-testid="results">
        <thead>
          <tr>
            <td />
            {modes.map((mode, place) => (
              <th key={mode} scope="col">
                <Swatch place={place} />
                <span translate="no">{variantTitle(mode)}</span>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map(({ name, label, cells }) => (
            <tr key={name}>
              <th scope="row">{label}</th>
              {cells.map(({ text, best }, place) => (
                <td key={modes[place]} data-best={best || undefined}>
                  <span translate="no" data-testid={`result-${name}-${modes[place]}`}>
                    {text}
                  </span>
                  {best && <span className={styles.best}>best</span>}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </FiguresTable>
    </>
  );
}

const COPY_WORDS = {
  idle: '',
  copied: 'Copied.',
  refused: 'The browser refused access to the clipboard. Select the table and copy it.',
} as const;

function CopyMarkdown({ table, sentence }: { table: ComparisonTable; sentence: string | null }) {
  const [state, setState] = useState<keyof typeof COPY_WORDS>('idle');
  const copy = async () => {
    const { runs } = useRun.getState();
    const markdown = toMarkdown(table, about(), sentence, startProof(runs));
    try {
      await navigator.clipboard.writeText(markdown);
      setState('copied');
    } catch {
      setState('refused');
    }
    setTimeout(setState, 3000, 'idle');
  };
  return (
    <div className={styles.copy}>
      <Button onClick={() => void copy()} data-testid="copy-markdown">
        Copy as Markdown
      </Button>
      <span role="status">{COPY_WORDS[state]}</span>
    </div>
  );
}

function about(): string {
  const { runs, adapter, schedule } = useRun.getState();
  const [first] = runs;
  if (!first) return 'Halfstep';
  return aboutLine(first.config, first.facts?.text.name ?? null, schedule, adapter?.name ?? null);
}
