import { isTaken, rowOf } from '../../engine/index.ts';
import { changedSettings, numberProblem, resetOf, standardChoice } from '../../store/changes.ts';
import {
  type ChoiceSetting,
  fieldOf,
  givenByFile,
  isNumber,
  modesOf,
  type NumberSetting,
  type PresetSetting,
  type Settings,
} from '../../store/settings.ts';
import { useSettings } from '../../store/settingsStore.ts';
import { Button } from '../ui/Button.tsx';
import { ResetButton, SelectField } from '../ui/Field.tsx';
import { NumberSettingField } from './NumberSettings.tsx';
import styles from './SettingGroups.module.css';
import { BY_FILE, countChanges, GROUPS, type Group, helpOf, testIdOf, titlesOf } from './settingWords.ts';

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

function SettingGroup({ title, testId, settings: keys }: Group) {
  const settings = useSettings((state) => state.settings);
  const unread = useSettings((state) => state.unread);
  const changed = changedSettings(settings).filter((key) => keys.some((own) => own === key)).length;
  const wrong = keys.filter(
    (key) => key in unread || (isNumber(key) && numberProblem(settings, key) !== null),
  ).length;
  if (!keys.some((key) => isShown(settings, key))) return null;
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

/** What a mode takes, and what an address gave although none does. */
function isShown(settings: Settings, key: PresetSetting): boolean {
  return settings[key] !== null || modesOf(settings).some((mode) => isTaken(fieldOf(key), mode));
}

function SettingField({ name }: { name: PresetSetting }) {
  const settings = useSettings((state) => state.settings);
  if (!isShown(settings, name)) return null;
  return isNumber(name) ? <NumberSettingField name={name} /> : <ChoiceField name={name as ChoiceSetting} />;
}

function ChoiceField({ name }: { name: ChoiceSetting }) {
  const chosen = useSettings((state) => state.settings[name]);
  const given = useSettings((state) => givenByFile(state.settings, name));
  const standard = useSettings((state) => standardChoice(state.settings, name));
  const choose = useSettings((state) => state.choose);
  const { label } = rowOf(fieldOf(name));
  const values = titlesOf(name);
  const value = String(given ?? chosen ?? standard);
  return (
    <SelectField
      label={label}
      value={value}
      disabled={given !== null}
      onChange={(event) => choose({ [name]: event.target.value })}
      help={given === null ? helpOf(name) : BY_FILE}
      action={
        given === null &&
        chosen !== null &&
        chosen !== standard && (
          <ResetButton
            label={label}
            value={values[standard] ?? standard}
            onClick={() => choose(resetOf([name]))}
            testId={testIdOf(name)}
          />
        )
      }
      data-testid={testIdOf(name)}
    >
      {values[value] === undefined && <option value={value}>{value}</option>}
      {Object.entries(values).map(([value, title]) => (
        <option key={value} value={value}>
          {title}
        </option>
      ))}
    </SelectField>
  );
}
