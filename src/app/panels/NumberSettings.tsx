import { PRESETS } from '../../engine/model/presets.ts';
import { scalingOf } from '../../engine/train/config.ts';
import { DEFAULT_SAMPLES } from '../../engine/train/sampler.ts';
import {
  HALF_CHOICES,
  modesOf,
  type NumberSetting,
  numberProblem,
  type Settings,
  scalesLoss,
} from '../../store/settings.ts';
import { useSettings } from '../../store/settingsStore.ts';
import { formatPowerOfTwo } from '../format.ts';
import { SelectField, TextField } from '../ui/Field.tsx';
import styles from './NumberSettings.module.css';

interface NumberWords {
  readonly label: string;
  readonly help?: string;
  /** What holds while the field is empty. */
  readonly standard: (settings: Settings) => string;
}

const WORDS: Readonly<Record<NumberSetting, NumberWords>> = {
  steps: { label: 'Steps', standard: ({ preset }) => String(PRESETS[preset].config.steps) },
  seed: { label: 'Seed', standard: ({ preset }) => String(PRESETS[preset].config.seed) },
  lossScale: {
    label: 'Loss scale at the start',
    help: 'A power of two, written 65536 or 2^16.',
    standard: (settings) => {
      const policy = scaledPolicy(settings);
      if (!policy || policy.kind === 'none') return 'none';
      return formatPowerOfTwo(Math.log2(policy.kind === 'static' ? policy.scale : policy.initialScale));
    },
  },
  growthInterval: {
    label: 'Growth interval',
    help: 'Clean steps before the loss scale doubles.',
    standard: (settings) => {
      const policy = scaledPolicy(settings);
      return policy?.kind === 'dynamic' ? String(policy.growthInterval) : 'none';
    },
  },
  samples: {
    label: 'Samples',
    help: 'Texts the model writes in a run, spread over its steps, the last at the end. Their time is not counted in tokens/s.',
    standard: () => String(DEFAULT_SAMPLES),
  },
};

/** The scaling that holds where the visitor leaves both numbers to the mode. */
function scaledPolicy(settings: Settings) {
  const preset = PRESETS[settings.preset].config;
  const mode = modesOf(settings).find(scalesLoss);
  return mode && scalingOf({ ...preset, precision: mode });
}

export function NumberSettingField({ name }: { name: NumberSetting }) {
  const settings = useSettings((state) => state.settings);
  const unread = useSettings((state) => state.unread[name]);
  const typeNumber = useSettings((state) => state.typeNumber);
  const { label, help, standard } = WORDS[name];
  const problem = unread === undefined ? numberProblem(settings, name) : null;
  const error =
    unread === undefined ? problem && `${problem.message} ${problem.hint}` : 'This is not a number.';
  return (
    <TextField
      label={label}
      inputMode="numeric"
      value={unread ?? settings[name] ?? ''}
      placeholder={standard(settings)}
      onChange={(event) => typeNumber(name, event.target.value)}
      help={help}
      error={settings[name] === null && unread === undefined ? null : error}
      data-testid={name}
    />
  );
}

/** Folded away: the defaults are right for a first visit. */
export function AdvancedSettings() {
  const settings = useSettings((state) => state.settings);
  const choose = useSettings((state) => state.choose);
  const scaled = modesOf(settings).some(scalesLoss);
  const touched = settings.f16 !== 'auto' || settings.lossScale !== null || settings.growthInterval !== null;
  return (
    <details className={styles.advanced} open={touched || undefined}>
      <summary data-testid="advanced">Loss scale and f16 storage</summary>
      <div className={styles.body}>
        {(scaled || settings.lossScale !== null) && <NumberSettingField name="lossScale" />}
        {(scaled || settings.growthInterval !== null) && <NumberSettingField name="growthInterval" />}
        <SelectField
          label="f16 storage"
          value={settings.f16}
          onChange={(event) => choose({ f16: event.target.value as Settings['f16'] })}
          help="Native needs the WebGPU feature shader-f16. Packed rounds the same and runs everywhere."
          data-testid="f16"
        >
          {HALF_CHOICES.map((half) => (
            <option key={half} value={half}>
              {half === 'auto' ? 'best for this adapter' : half}
            </option>
          ))}
        </SelectField>
      </div>
    </details>
  );
}
