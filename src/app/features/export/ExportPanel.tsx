import { useState } from 'react';
import {
  EXPORT_FORMATS,
  type ExportFormat,
  isGgufFormat,
  keptWeights,
  type WeightsOfRun,
} from '../../../engine/index.ts';
import { exportedClass, exportObstacle } from '../../../store/exportObstacle.ts';
import { exportableRun, exportRun } from '../../../store/fileActions.ts';
import { useFiles } from '../../../store/files.ts';
import { useRun } from '../../../store/runStore.ts';
import { runLabel } from '../../messages.ts';
import { Button } from '../../ui/Button.tsx';
import { SelectField } from '../../ui/Field.tsx';
import { ErrorNote } from '../../ui/Note.tsx';
import { Panel } from '../../ui/Panel.tsx';
import { RunField, useChosenRun } from '../samples/RunField.tsx';
import { WeightsField } from '../samples/WeightsField.tsx';
import styles from './ExportPanel.module.css';

/** Exports the run on the GPU, at any time. */
export default function ExportPanel() {
  const [other, setOther] = useState<number | null>(null);
  const possible = useRun(exportableRun);
  const wanted = useChosenRun(other);
  const run = possible === null ? null : wanted;
  const label = useRun(({ runs }) => (run !== null && runs.length > 1 ? runLabel(runs[run]!) : null));
  const [dtype, setDtype] = useState<ExportFormat>('F32');
  const [chosen, setChosen] = useState<WeightsOfRun>('master');
  const exporting = useFiles((state) => state.exporting);
  const error = useFiles((state) => state.exportError);
  const config = useRun(({ runs }) => (run !== null ? runs[run]!.config : null));
  if (run === null || config === null) return null;
  const copies = keptWeights(config);
  const weights = copies.find((kept) => kept === chosen) ?? 'master';
  const gguf = isGgufFormat(dtype);
  const [noModel, noCluster] = [exportObstacle('model', config, dtype), exportObstacle('cluster', config)];
  return (
    <Panel title={`Export${label ? `: ${label}` : ''}`} data-testid="export-panel">
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
              onClick={() => exportRun({ run }, 'model', dtype, weights)}
              disabled={exporting || noModel !== null}
              data-testid="export-model"
            >
              Model
            </Button>
          </dt>
          <dd data-testid="export-model-about">
            {noModel ??
              (gguf
                ? 'One GGUF file for llama.cpp, with its tokenizer.'
                : `A ZIP archive of the folder that Hugging Face's libraries read (${exportedClass(config)}), with its tokenizer and a model card.`)}
          </dd>
        </div>
        <div>
          <dt>
            <Button
              onClick={() => exportRun({ run }, 'cluster', dtype, weights)}
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
      <div className={styles.choices}>
        <RunField value={run} onChoose={setOther} testId="export-of" />
        <SelectField
          label="Model as"
          value={dtype}
          onChange={(event) => setDtype(event.target.value as ExportFormat)}
          help={
            noModel === null &&
            QUANTIZED.test(dtype) &&
            'Matrices whose rows are no multiple of 32 stay in F16.'
          }
          data-testid="export-dtype"
        >
          <optgroup label="Hugging Face (safetensors)">
            {EXPORT_FORMATS.filter((name) => !isGgufFormat(name)).map(option)}
          </optgroup>
          <optgroup label="llama.cpp (GGUF)">{EXPORT_FORMATS.filter(isGgufFormat).map(option)}</optgroup>
        </SelectField>
        {copies.length > 0 && (
          <WeightsField config={config} value={weights} onChoose={setChosen} testId="export-weights" />
        )}
      </div>
      <p role="status" className={styles.status}>
        {exporting && 'Writing the file…'}
      </p>
      {error && <ErrorNote error={error} testId="export-error" />}
    </Panel>
  );
}

/** Formats in which 32 weights of a row share a scale. */
const QUANTIZED = /q\d/;

function option(format: ExportFormat) {
  const numbers = format.replace('gguf-', '').toUpperCase();
  return (
    <option key={format} value={format}>
      {isGgufFormat(format) ? `GGUF ${numbers}` : numbers}
    </option>
  );
}
