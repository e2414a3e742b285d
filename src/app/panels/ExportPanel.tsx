import { useState } from 'react';
import { EXPORT_FORMATS, type ExportFormat, isGgufFormat } from '../../engine/index.ts';
import { exportObstacle } from '../../store/exportObstacle.ts';
import { exportableRun, exportRun } from '../../store/fileActions.ts';
import { useFiles } from '../../store/files.ts';
import { useRun } from '../../store/runStore.ts';
import { runLabel } from '../messages.ts';
import { Button } from '../ui/Button.tsx';
import { SelectField } from '../ui/Field.tsx';
import { ErrorNote } from '../ui/Note.tsx';
import styles from './ExportPanel.module.css';

/** Exports the run on the GPU, at any time. */
export default function ExportPanel() {
  const run = useRun(exportableRun);
  const label = useRun(({ runs }) => (run !== null && runs.length > 1 ? runLabel(runs[run]!) : null));
  const [dtype, setDtype] = useState<ExportFormat>('F32');
  const exporting = useFiles((state) => state.exporting);
  const error = useFiles((state) => state.exportError);
  const config = useRun(({ runs }) => (run !== null ? runs[run]!.config : null));
  if (run === null || config === null) return null;
  const [noModel, noCluster] = [exportObstacle('model', config), exportObstacle('cluster', config)];
  return (
    <section className={styles.panel} data-testid="export-panel">
      <h2>{`Export${label ? `: ${label}` : ''}`}</h2>
      <dl className={styles.list}>
        <div>
          <dt>
            <Button onClick={() => exportRun({ run }, 'run')} disabled={exporting} data-testid="export-run">
              Run file
            </Button>
          </dt>
          <dd>
            Weights, optimizer state and everything else: resumes exactly, on this page or on the command
            line.
          </dd>
        </div>
        <div>
          <dt>
            <Button
              onClick={() => exportRun({ run }, 'model', dtype)}
              disabled={exporting || noModel !== null}
              data-testid="export-model"
            >
              Model
            </Button>
          </dt>
          <dd data-testid="export-model-about">
            {noModel ??
              "A folder for Hugging Face's libraries as a ZIP archive, or a GGUF file for llama.cpp."}
          </dd>
        </div>
        <div>
          <dt>
            <Button
              onClick={() => exportRun({ run }, 'cluster', dtype)}
              disabled={exporting || noCluster !== null}
              data-testid="export-cluster"
            >
              Cluster folder
            </Button>
          </dt>
          <dd data-testid="export-cluster-about">
            {noCluster ??
              'Both of these, the text, and a program that continues the run in PyTorch on many GPUs.'}
          </dd>
        </div>
      </dl>
      <SelectField
        label="Model weights as"
        value={dtype}
        onChange={(event) => setDtype(event.target.value as ExportFormat)}
        data-testid="export-dtype"
      >
        {EXPORT_FORMATS.map((name) => (
          <option key={name} value={name}>
            {isGgufFormat(name) ? `GGUF ${name.slice('gguf-'.length).toUpperCase()}` : name}
          </option>
        ))}
      </SelectField>
      <p role="status" className={styles.status}>
        {exporting && 'Writing the file…'}
      </p>
      {error && <ErrorNote error={error} testId="export-error" />}
    </section>
  );
}
