import { useId, useState } from 'react';
import { PRESET_NAMES, PRESETS, type PresetName } from '../../engine/model/presets.ts';
import { PRECISION_MODES, type PrecisionMode, RECIPES } from '../../engine/precision/recipes.ts';
import { isBusy, useRun } from '../../store/runStore.ts';
import { modesOf, type Settings } from '../../store/settings.ts';
import { useSettings } from '../../store/settingsStore.ts';
import { useUi } from '../../store/uiStore.ts';
import { SelectField } from '../ui/Field.tsx';
import { Note } from '../ui/Note.tsx';
import { AdapterLine } from './AdapterLine.tsx';
import { AdvancedSettings, NumberSettingField } from './NumberSettings.tsx';
import styles from './SettingsPanel.module.css';
import { TextSettings, textTitle } from './TextSettings.tsx';

export function SettingsPanel() {
  const settings = useSettings((state) => state.settings);
  const busy = useRun((state) => isBusy(state.status));
  // Narrow screens fold the settings into one line; wide ones always show them.
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
        <fieldset className={styles.fields} disabled={busy}>
          <legend className="visuallyHidden">What to train</legend>
          <PresetField />
          <PrecisionField />
          <CompareField />
          <UnsoundNote />
          <TextSettings />
          <div className={styles.pair}>
            <NumberSettingField name="steps" />
            <NumberSettingField name="seed" />
          </div>
          <NumberSettingField name="samples" />
          <AdvancedSettings />
        </fieldset>
        {busy && <p className={styles.locked}>Settings can be changed when the training has ended.</p>}
        <AdapterLine />
      </div>
    </div>
  );
}

function summary(settings: Settings): string {
  const modes = modesOf(settings).map((mode) => RECIPES[mode].title);
  return [PRESETS[settings.preset].title, modes.join(' and '), textTitle(settings.text)].join(' · ');
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
          useUi.setState({ presetAdapted: false });
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
          This browser computes WebGPU in software, so the smallest preset is chosen.
        </p>
      )}
    </>
  );
}

function PrecisionField() {
  const precision = useSettings((state) => state.settings.precision);
  const choose = useSettings((state) => state.choose);
  return (
    <SelectField
      label="Precision"
      value={precision}
      onChange={(event) => choose({ precision: event.target.value as PrecisionMode })}
      help={RECIPES[precision].summary}
      data-testid="precision"
    >
      <ModeOptions />
    </SelectField>
  );
}

function CompareField() {
  const compare = useSettings((state) => state.settings.compare);
  const choose = useSettings((state) => state.choose);
  return (
    <SelectField
      label="Compare with"
      value={compare ?? ''}
      onChange={(event) => choose({ compare: (event.target.value || null) as PrecisionMode | null })}
      help={
        compare
          ? `Trained after the first from the same start, seed and batches. ${RECIPES[compare].summary}`
          : 'A second mode, trained from the same start into the same charts.'
      }
      data-testid="compare"
    >
      <option value="">nothing</option>
      <ModeOptions />
    </SelectField>
  );
}

function ModeOptions() {
  const options = (unsound: boolean) =>
    PRECISION_MODES.filter((mode) => RECIPES[mode].unsound === unsound).map((mode) => (
      <option key={mode} value={mode}>
        {RECIPES[mode].title}
      </option>
    ));
  return (
    <>
      {options(false)}
      <optgroup label="Made to fail">{options(true)}</optgroup>
    </>
  );
}

function UnsoundNote() {
  const settings = useSettings((state) => state.settings);
  const unsound = modesOf(settings).filter((mode) => RECIPES[mode].unsound);
  if (unsound.length === 0) return null;
  const names = unsound.map((mode) => RECIPES[mode].title).join(' and ');
  return (
    <Note kind="caution" testId="unsound">
      <p>
        {names} {unsound.length > 1 ? 'are' : 'is'} made to fail: here to show what loss scaling and FP32
        master weights are for. Expect a worse loss, or a stop with an explanation.
      </p>
    </Note>
  );
}
