import { MODE_FAMILIES, recipeOf } from '../../../engine/index.ts';
import type { AdapterReport, BenchmarkResult } from '../../../session/protocol.ts';
import { useMeasurements } from '../../../store/measurementStore.ts';
import { startBenchmark } from '../../../store/measurements.ts';
import { useRun } from '../../../store/runStore.ts';
import { usePlan } from '../../hooks/usePlan.ts';
import { Diagnostics } from '../../ui/Diagnostics.tsx';
import panel from '../../ui/FoldedPanel.module.css';
import { MeasureButtons } from '../../ui/MeasureButtons.tsx';
import { ErrorNote } from '../../ui/Note.tsx';
import { exactBytes } from '../memory/memoryTotal.ts';
import styles from './DevicePanel.module.css';
import {
  FEATURE_WORDS,
  formatRate,
  halfWords,
  kernelWords,
  modeSupport,
  subgroupWords,
} from './deviceMessages.ts';

/** The adapter: its features and limits, how it stores each mode's numbers, and how fast it is. */
export default function DevicePanel() {
  const adapter = useRun((state) => state.adapter);
  if (!adapter) return null;
  return (
    <div className={`${panel.panel} ${styles.panel}`}>
      <Identity adapter={adapter} />
      <Features adapter={adapter} />
      <Limits adapter={adapter} />
      <Modes adapter={adapter} />
      <Benchmark />
      <Diagnostics />
    </div>
  );
}

interface AdapterProps {
  adapter: AdapterReport;
}

function Identity({ adapter }: AdapterProps) {
  const parts = [
    ['Vendor', adapter.vendor],
    ['Architecture', adapter.architecture],
    ['Description', adapter.description],
    ['Subgroups', subgroupWords(adapter.subgroup)],
  ].filter(([, value]) => value !== '');
  return (
    <dl className={styles.facts} data-testid="device-identity">
      {parts.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
      {adapter.isFallback && (
        <div>
          <dt>Kind</dt>
          <dd>
            <span className={styles.badge}>software</span> runs on the CPU
          </dd>
        </div>
      )}
    </dl>
  );
}

function Features({ adapter }: AdapterProps) {
  return (
    <section aria-label="Features">
      <h2>Features</h2>
      <ul className={styles.chips}>
        {adapter.features.map((feature) => (
          <li key={feature} className={styles.chip}>
            <code translate="no">{feature}</code>
            {FEATURE_WORDS[feature] && <span>{` ${FEATURE_WORDS[feature]}`}</span>}
          </li>
        ))}
      </ul>
    </section>
  );
}

function Limits({ adapter }: AdapterProps) {
  const { estimates } = usePlan();
  const largest = Math.max(0, ...estimates.map((plan) => plan.largest.bytes));
  const buffer = largest > 0 ? exactBytes(largest) : '–';
  const { limits } = adapter;
  // Kernels stay within the limits that WebGPU guarantees on every adapter.
  const rows = [
    ['Buffer', exactBytes(limits.maxBufferSize ?? 0), buffer],
    ['Storage binding', exactBytes(limits.maxStorageBufferBindingSize ?? 0), buffer],
    ['Workgroup storage', kibibytes(limits.maxComputeWorkgroupStorageSize ?? 0), 'at most 16 KiB'],
    ['Workgroup invocations', String(limits.maxComputeInvocationsPerWorkgroup ?? 0), 'at most 256'],
  ];
  return (
    <table className={panel.table} data-testid="device-limits">
      <thead>
        <tr>
          <th scope="col">Limit</th>
          <th scope="col">Allowed</th>
          <th scope="col">Needed</th>
        </tr>
      </thead>
      <tbody>
        {rows.map(([name, allowed, needed]) => (
          <tr key={name}>
            <th scope="row">{name}</th>
            <td translate="no">{allowed}</td>
            <td translate="no">{needed}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function kibibytes(bytes: number): string {
  return `${Math.round(bytes / 1024)} KiB`;
}

function Modes({ adapter }: AdapterProps) {
  return (
    <table className={panel.table} data-testid="device-modes">
      <thead>
        <tr>
          <th scope="col">Mode</th>
          <th scope="col">Here</th>
        </tr>
      </thead>
      {MODE_FAMILIES.map(({ title, modes }) => (
        <tbody key={title}>
          <tr>
            <th scope="rowgroup" colSpan={2} className={styles.family}>
              {title}
            </th>
          </tr>
          {modes.map((mode) => {
            const { kind, why } = modeSupport(mode, adapter);
            return (
              <tr key={mode}>
                <th scope="row" translate="no">
                  {recipeOf(mode).title}
                </th>
                <td>
                  <span className={styles.badge}>{kind}</span>
                  <span>{` ${why}`}</span>
                </td>
              </tr>
            );
          })}
        </tbody>
      ))}
    </table>
  );
}

function Benchmark() {
  const { state, result, error } = useMeasurements(({ benchmark }) => benchmark);
  return (
    <section aria-label="Benchmark" className={styles.benchmark}>
      <MeasureButtons
        label="Run the five-second benchmark"
        runningLabel="Measuring…"
        running={state === 'running'}
        onStart={startBenchmark}
        whyNotNow="Not available while training, which would slow both down."
        testId="benchmark"
      />
      {error && <ErrorNote error={error} testId="benchmark-error" />}
      {result && <Figures result={result} />}
    </section>
  );
}

function Figures({ result }: { result: BenchmarkResult }) {
  const size = `${result.matmulSize} × ${result.matmulSize}`;
  const rows = [
    ['peak', 'f32 multiply-add peak', formatRate(result.peakFlops, 'FLOP/s')],
    ['f32', `Matmul ${size}, f32`, formatRate(result.f32MatmulFlops, 'FLOP/s')],
    ['f16', `Matmul ${size}, ${halfWords(result.half)}`, formatRate(result.f16MatmulFlops, 'FLOP/s')],
    ['kernels', 'Matmul kernels', kernelWords(result.kernels)],
    ['copy', 'Copy, read and written', formatRate(result.copyBytesPerSec, 'B/s')],
  ];
  return (
    <dl className={styles.facts} data-testid="benchmark-result">
      {rows.map(([id, name, value]) => (
        <div key={id}>
          <dt>{name}</dt>
          <dd data-testid={`benchmark-${id}`}>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
