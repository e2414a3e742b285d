/** A lazy chunk: the fields of a group of settings, which is folded away at first. */
import { rowOf } from '../../../engine/index.ts';
import { resetOf, standardChoice } from '../../../store/changes.ts';
import {
  type ChoiceSetting,
  fieldOf,
  givenByFile,
  isNumber,
  isShown,
  type PresetSetting,
} from '../../../store/settings.ts';
import { useSettings } from '../../../store/settingsStore.ts';
import { ResetButton, SelectField } from '../../ui/Field.tsx';
import { NumberSettingField } from './NumberSettings.tsx';
import styles from './SettingGroups.module.css';
import { BY_FILE, helpOf, testIdOf, titlesOf } from './settingWords.ts';

export default function SettingFields({ keys }: { keys: readonly PresetSetting[] }) {
  const settings = useSettings((state) => state.settings);
  return (
    <div className={styles.body}>
      {keys
        .filter((key) => isShown(settings, key))
        .map((key) =>
          isNumber(key) ? (
            <NumberSettingField key={key} name={key} />
          ) : (
            <ChoiceField key={key} name={key as ChoiceSetting} />
          ),
        )}
    </div>
  );
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
