import { beforeEach, expect, test } from 'vitest';
import { page, userEvent } from 'vitest/browser';
import { render } from 'vitest-browser-react';
import SettingFields from '../../src/app/features/settings/SettingFields.tsx';
import { useSettings } from '../../src/store/settingsStore.ts';

beforeEach(() => useSettings.setState(useSettings.getInitialState(), true));

test('a number is kept as typed, refused by name outside its range, and put back by one press', async () => {
  await render(<SettingFields keys={['width']} />);
  const field = page.getByTestId('width');
  await userEvent.fill(field, '96');
  expect(useSettings.getState().settings.width).toBe(96);
  await userEvent.fill(field, '-3');
  await expect.element(field).toBeInvalid();
  await expect.element(page.getByText(/-3/)).toBeVisible();
  await userEvent.click(page.getByRole('button', { name: /Width/ }));
  expect(useSettings.getState().settings.width).toBeNull();
  await expect.element(field).toHaveValue('');
});

test('settings are shown where they apply', async () => {
  const { rerender } = await render(<SettingFields keys={['mlp', 'intermediate']} />);
  await userEvent.selectOptions(page.getByRole('combobox'), 'swiglu');
  expect(useSettings.getState().settings.mlp).toBe('swiglu');
  await rerender(<SettingFields keys={['optimizer', 'muon-momentum']} />);
  await expect.element(page.getByTestId('muon-momentum')).not.toBeInTheDocument();
  await userEvent.selectOptions(page.getByRole('combobox').first(), 'muon');
  await expect.element(page.getByTestId('muon-momentum')).toBeVisible();
});
