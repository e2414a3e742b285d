import { delaysScales, type PrecisionMode } from '../../engine/index.ts';
import { changedSettings, numberProblem, resetOf, standardChoice } from '../../store/changes.ts';
import {
  CHOICE_SETTINGS,
  CHOICES,
  type ChoiceSetting,
  givenByFile,
  HALF_CHOICES,
  modesOf,
  type NumberSetting,
  type Settings,
  scalesLoss,
} from '../../store/settings.ts';
import { useSettings } from '../../store/settingsStore.ts';
import { Button } from '../ui/Button.tsx';
import { ResetButton, SelectField } from '../ui/Field.tsx';
import { NumberSettingField } from './NumberSettings.tsx';
import styles from './SettingGroups.module.css';
import {
  BY_FILE,
  CHOICE_WORDS,
  countChanges,
  GROUPS,
  type Group,
  type GroupedSetting,
} from './settingWords.ts';

/** Folded away: the preset is right for a first visit. */
export function SettingGroups() {
  return (
    <div className={styles.groups}>
      <Changes />
      {GROUPS.map((group) => (
        <SettingGroup key={group.title} {...group} />
      ))}
    </div>
  );
}

function Changes() {
  const settings = useSettings((state) => state.settings);
  const unread = useSettings((state) => state.unread);
  const choose = useSettings((state) => state.choose);
  const changed = changedSettings(settings);
  const all = [...new Set([...changed, ...(Object.keys(unread) as NumberSetting[])])];
  if (all.length === 0) return null;
  return (
    <p className={styles.changes} data-testid="preset-changes">
      <span>{`${countChanges(all.length)} from the preset`}</span>
      <Button className={styles.resetAll} onClick={() => choose(resetOf(all))} data-testid="reset-all">
        Reset all
      </Button>
    </p>
  );
}

function SettingGroup({ title, testId, settings: keys, takenBy }: Group) {
  const settings = useSettings((state) => state.settings);
  const unread = useSettings((state) => state.unread);
  const changed = changedSettings(settings).filter((key) => keys.some((own) => own === key)).length;
  const wrong = keys.filter(
    (key) => key in unread || (isNumber(key) && numberProblem(settings, key) !== null),
  ).length;
  // Shown where an address gave what no mode takes, too.
  if (takenBy && !modesOf(settings).some(takenBy) && keys.every((key) => settings[key] === null)) return null;
  return (
    <details className={styles.group}>
      <summary data-testid={testId}>
        <span>{title}</span>
        {wrong > 0 ? (
          <span className={styles.wrong}>{`${wrong} to correct`}</span>
        ) : (
          changed > 0 && <span className={styles.changed}>{`${changed} changed`}</span>
        )}
      </summary>
      <div className={styles.body}>
        {keys.map((key) => (
          <SettingField key={key} name={key} />
        ))}
      </div>
    </details>
  );
}

/** Of settings that only some modes of a group take. */
const TAKEN_BY: Partial<Record<GroupedSetting, (mode: PrecisionMode) => boolean>> = {
  lossScale: scalesLoss,
  growthInterval: scalesLoss,
  'amax-history': delaysScales,
  'amax-algo': delaysScales,
  'scale-margin': delaysScales,
};

function SettingField({ name }: { name: GroupedSetting }) {
  const settings = useSettings((state) => state.settings);
  if (name === 'f16') return <StorageField />;
  const takes = TAKEN_BY[name];
  if (takes && !modesOf(settings).some(takes) && settings[name] === null) return null;
  return isNumber(name) ? <NumberSettingField name={name} /> : <ChoiceField name={name} />;
}

function isNumber(key: GroupedSetting): key is NumberSetting {
  return key !== 'f16' && !CHOICE_SETTINGS.some((choice) => choice === key);
}

function ChoiceField({ name }: { name: ChoiceSetting }) {
  const chosen = useSettings((state) => state.settings[name]);
  const given = useSettings((state) => givenByFile(state.settings, name));
  const standard = useSettings((state) => standardChoice(state.settings, name));
  const choose = useSettings((state) => state.choose);
  const { label, help } = CHOICE_WORDS[name];
  const values: Readonly<Record<string, string>> = CHOICE_WORDS[name].values;
  const value = String(given ?? chosen ?? standard);
  return (
    <SelectField
      label={label}
      value={value}
      disabled={given !== null}
      onChange={(event) => choose({ [name]: event.target.value })}
      help={given === null ? help : BY_FILE}
      action={
        given === null &&
        chosen !== null &&
        chosen !== standard && (
          <ResetButton
            label={label}
            value={values[standard] ?? standard}
            onClick={() => choose(resetOf([name]))}
            testId={name}
          />
        )
      }
      data-testid={name}
    >
      {values[value] === undefined && <option value={value}>{value}</option>}
      {CHOICES[name].map((value) => (
        <option key={value} value={value}>
          {values[value]}
        </option>
      ))}
    </SelectField>
  );
}

function StorageField() {
  const half = useSettings((state) => state.settings.f16);
  const choose = useSettings((state) => state.choose);
  return (
    <SelectField
      label="f16 storage"
      value={half}
      onChange={(event) => choose({ f16: event.target.value as Settings['f16'] })}
      help="Native needs the WebGPU feature shader-f16. Packed rounds the same and runs everywhere."
      data-testid="f16"
    >
      {HALF_CHOICES.map((choice) => (
        <option key={choice} value={choice}>
          {choice === 'auto' ? 'best for this adapter' : choice}
        </option>
      ))}
    </SelectField>
  );
}
