import { isTaken, PRESETS, readSetting, rowOf, scalingOf } from '../../../engine/index.ts';
import { numberProblem, resetOf, standardOf } from '../../../store/changes.ts';
import {
  fieldOf,
  givenByFile,
  modesOf,
  type NumberSetting,
  problemOf,
  type Settings,
} from '../../../store/settings.ts';
import { useSettings } from '../../../store/settingsStore.ts';
import { ambiguity } from '../../../store/typedNumber.ts';
import { formatPowerOfTwo } from '../../format.ts';
import { ResetButton, TextField } from '../../ui/Field.tsx';
import { BY_FILE, helpOf, rangeWords, testIdOf } from './settingWords.ts';

/** The scaling that holds where the visitor leaves both numbers to the mode. */
function scaledPolicy(settings: Settings) {
  const preset = PRESETS[settings.preset].config;
  const lossScaling = settings['loss-scaling'] ?? preset.lossScaling;
  const policies = modesOf(settings).map((precision) =>
    scalingOf({ ...preset, precision, ...(isTaken('lossScaling', precision) && { lossScaling }) }),
  );
  return policies.find(({ kind }) => kind !== 'none');
}

/** What holds while the field is empty. */
function standardText(settings: Settings, key: NumberSetting): string {
  const standard = standardOf(settings, key);
  const policy = scaledPolicy(settings);
  if (key === 'growth-interval') return policy?.kind === 'dynamic' ? String(policy.growthInterval) : 'none';
  if (key === 'loss-scale') {
    if (!policy || policy.kind === 'none') return 'none';
    return formatPowerOfTwo(Math.log2(policy.kind === 'static' ? policy.scale : policy.initialScale));
  }
  if (key === 'micro-batch') return String(settings.batch ?? standardOf(settings, 'batch'));
  return String(standard ?? rowOf(fieldOf(key)).standard);
}

/** The engine's sentence about what is no number. */
function noNumber(key: NumberSetting, text: string): string | null {
  const problem = problemOf(() => readSetting(fieldOf(key), text));
  return problem && `${problem.message} ${problem.hint}`;
}

/** The range stands with the help where there is room for it; a refusal names it in any case. */
export function NumberSettingField({ name, brief = false }: { name: NumberSetting; brief?: boolean }) {
  const settings = useSettings((state) => state.settings);
  const typed = useSettings((state) => state.typed[name]);
  const unread = useSettings((state) => state.unread[name]);
  const typeNumber = useSettings((state) => state.typeNumber);
  const choose = useSettings((state) => state.choose);
  const { label, unit } = rowOf(fieldOf(name));
  const standard = standardText(settings, name);
  const problem = unread === undefined ? numberProblem(settings, name) : null;
  const error =
    unread === undefined
      ? problem && `${problem.message} ${problem.hint}`
      : (ambiguity(unread) ?? noNumber(name, unread));
  const given = givenByFile(settings, name);
  const filled = given === null && (settings[name] !== null || unread !== undefined);
  return (
    <TextField
      label={label}
      unit={unit}
      inputMode={name === 'loss-scale' ? 'text' : 'decimal'}
      value={given ?? typed ?? settings[name] ?? ''}
      disabled={given !== null}
      placeholder={standard}
      onChange={(event) => typeNumber(name, event.target.value)}
      help={given !== null ? BY_FILE : brief ? undefined : `${helpOf(name)} ${rangeWords(name)}.`}
      error={error}
      action={
        filled && (
          <ResetButton
            label={label}
            value={standard}
            brief={brief || standard.length > 10}
            onClick={() => choose(resetOf([name]))}
            testId={testIdOf(name)}
          />
        )
      }
      data-testid={testIdOf(name)}
    />
  );
}
