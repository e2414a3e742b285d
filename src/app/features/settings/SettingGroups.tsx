import { changedSettings, numberProblem, resetOf } from '../../../store/changes.ts';
import { isNumber, isShown, type NumberSetting } from '../../../store/settings.ts';
import { useSettings } from '../../../store/settingsStore.ts';
import { Button } from '../../ui/Button.tsx';
import { LazyDetails } from '../../ui/LazyDetails.tsx';
import { lazyPart } from '../../ui/lazyPart.tsx';
import styles from './SettingGroups.module.css';
import { countChanges, GROUPS, type Group } from './settingWords.ts';

const SettingFields = lazyPart('fields of these settings', () => import('./SettingFields.tsx'));

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
    <LazyDetails
      className={styles.group}
      testId={testId}
      summary={
        <>
          <span>{title}</span>
          {wrong > 0 ? (
            <span className={styles.wrong}>{`${wrong} to correct`}</span>
          ) : (
            changed > 0 && <span className={styles.changed}>{`${changed} changed`}</span>
          )}
        </>
      }
    >
      <SettingFields keys={keys} />
    </LazyDetails>
  );
}
