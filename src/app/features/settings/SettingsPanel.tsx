import { useId, useState } from 'react';
import { PRESET_NAMES, PRESETS, type PresetName, variantTitle } from '../../../engine/index.ts';
import { undoPreset } from '../../../store/actions.ts';
import { isNumber, type Settings } from '../../../store/settings.ts';
import { useSettings } from '../../../store/settingsStore.ts';
import { forgetAdaptation, type PresetAdapted, useUi } from '../../../store/uiStore.ts';
import { SelectField } from '../../ui/Field.tsx';
import { LazyDetails } from '../../ui/LazyDetails.tsx';
import { lazyPart } from '../../ui/lazyPart.tsx';
import { AdapterLine } from '../device/AdapterLine.tsx';
import { MemoryPanel } from '../memory/MemoryPanel.tsx';
import { ModeSettings } from '../modes/ModeSettings.tsx';
import { SavedLine } from '../saved/SavedLine.tsx';
import { TextSettings, textTitle } from '../text/TextSettings.tsx';
import { NumberSettingField } from './NumberSettings.tsx';
import { SettingGroups } from './SettingGroups.tsx';
import styles from './SettingsPanel.module.css';
import { ShareLink } from './ShareLink.tsx';
import { settingsIn } from './settingWords.ts';

// Parts that few visitors open are not in the page's first script.
const WAITING = <p>Loading…</p>;
const DevicePanel = lazyPart('benchmark', () => import('../device/DevicePanel.tsx'), WAITING);
const LargestBatchPanel = lazyPart(
  'search for the largest batch',
  () => import('../memory/LargestBatchPanel.tsx'),
  WAITING,
);
const FilePicker = lazyPart('field for files', () => import('../files/FilePicker.tsx'), WAITING);

export function SettingsPanel() {
  const settings = useSettings((state) => state.settings);
  // Narrow screens collapse the settings into one line; wide screens always show them.
  const [unfolded, setUnfolded] = useState(false);
  const id = useId();
  return (
    <div className={styles.panel}>
      <button
        type="button"
        className={styles.fold}
        aria-expanded={unfolded}
        aria-controls={id}
        onClick={() => setUnfolded(!unfolded)}
        data-testid="settings-fold"
      >
        <span>{summary(settings)}</span>
        <span className={styles.change}>{unfolded ? 'Close' : 'Change'}</span>
      </button>
      <div id={id} className={styles.body} data-unfolded={unfolded}>
        <fieldset className={styles.fields}>
          <legend className="visuallyHidden">Training settings</legend>
          <PresetField />
          <ModeSettings />
          <TextSettings />
          <div className={styles.pair}>
            {settingsIn('run')
              .filter(isNumber)
              .map((key) => (
                <NumberSettingField key={key} name={key} brief />
              ))}
          </div>
          <SettingGroups />
        </fieldset>
        <div className={styles.folds}>
          <LazyDetails summary="Model or saved run from a file" testId="from-file">
            <FilePicker />
          </LazyDetails>
          <MemoryPanel />
          <LazyDetails summary="Largest batch" testId="largest-batch">
            <LargestBatchPanel />
          </LazyDetails>
          <LazyDetails summary="Adapter and benchmark" testId="device">
            <DevicePanel />
          </LazyDetails>
        </div>
        <AdapterLine />
        <SavedLine />
        <ShareLink />
      </div>
    </div>
  );
}

function summary(settings: Settings): string {
  const modes = settings.modes.map(variantTitle);
  return [PRESETS[settings.preset].title, modes.join(' vs '), textTitle(settings.text)].join(' · ');
}

function PresetField() {
  const preset = useSettings((state) => state.settings.preset);
  const choose = useSettings((state) => state.choose);
  const adapted = useUi((state) => state.presetAdapted);
  const { purpose, config } = PRESETS[preset];
  const shape = `${config.layers} layers, ${config.heads} heads, width ${config.width}, context ${config.context}, batch ${config.batch}.`;
  return (
    <>
      <SelectField
        label="Preset"
        value={preset}
        onChange={(event) => {
          forgetAdaptation();
          choose({ preset: event.target.value as PresetName });
        }}
        help={`${purpose} ${shape}`}
        data-testid="preset"
      >
        {PRESET_NAMES.map((name) => (
          <option key={name} value={name}>
            {PRESETS[name].title}
          </option>
        ))}
      </SelectField>
      {adapted && (
        <p className={styles.adapted} data-testid="preset-adapted">
          <span>{`${adaptedSentence(adapted)} `}</span>
          <button type="button" className={styles.undo} onClick={undoPreset} data-testid="preset-undo">
            Undo
          </button>
        </p>
      )}
    </>
  );
}

/** Says why the page chose a preset by itself. */
function adaptedSentence(adapted: PresetAdapted): string {
  if (adapted.why === 'software') {
    return 'WebGPU runs in software here, so the smallest preset is chosen.';
  }
  const { title } = PRESETS[adapted.from];
  return `A step of ${title} took ${(adapted.stepMs / 1000).toFixed(1)} s here, so a smaller preset is chosen.`;
}
