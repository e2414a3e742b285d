import { expect, test } from 'vitest';
import { page, userEvent } from 'vitest/browser';
import { render } from 'vitest-browser-react';
import NumericsPanel from '../../src/app/features/numerics/NumericsPanel.tsx';
import { useNumerics } from '../../src/store/numericsStore.ts';
import { withRecording } from './recorded.ts';

withRecording();

/** Names of the table's rows, in the order shown. */
const names = () =>
  page
    .getByTestId('numerics-row')
    .elements()
    .map((row) => row.querySelector('th')!.textContent);

async function showWithoutScaling() {
  await render(<NumericsPanel />);
  await userEvent.selectOptions(page.getByTestId('numerics-run'), 'f16 without scaling, seed 1337');
}

test('the headline counts the tensors without a gradient, and they lead the table when asked for', async () => {
  await showWithoutScaling();
  const rows = useNumerics
    .getState()
    .frames.get(2)!
    .gradients!.rows.map(({ name }) => name)
    .toSorted();
  await expect
    .element(page.getByTestId('numerics-without-gradient'))
    .toHaveTextContent(/^16 of 28 parameter tensors get no gradient/);
  await userEvent.click(page.getByText('Show as a table'));
  await expect.poll(() => names().toSorted()).toEqual(rows);
  expect(names()[0]).toContain('h.0.');
  const withoutGradient = ['h.0.ln_1.weight', 'h.1.attn.c_attn.weight', 'h.1.mlp.c_fc.bias'];
  await userEvent.selectOptions(page.getByTestId('numerics-order'), 'zeros');
  await expect.poll(() => names().slice(0, 20)).toEqual(expect.arrayContaining(withoutGradient));
  expect(names().slice(20)).toContain('ln_f.bias');
});

test('the best scale brings the gradients back, and a format without 16 bits loses none', async () => {
  await showWithoutScaling();
  const forecast = page.getByTestId('numerics-forecast');
  await expect.element(forecast).toHaveTextContent(/flushed to zero/);
  await userEvent.click(page.getByTestId('numerics-best'));
  await expect.element(forecast).toHaveTextContent(/^0 %|^<?0\.\d %/);
  await userEvent.selectOptions(page.getByTestId('numerics-format'), 'f32');
  await expect.element(forecast).toHaveTextContent(/^0 %/);
});
