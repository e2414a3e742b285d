/** Exports every step of every run, whatever the chart draws. */

import type { ChartDefinition, Series } from './chart.ts';
import { xOf } from './chart.ts';

export function chartCsv(chart: ChartDefinition, series: readonly Series[]): string {
  const smoothed = series.some((one) => one.smoothed);
  const gpu = series.some((one) => one.gpu);
  const validation = series.some((one) => one.validation);
  const header = [
    'run',
    'step',
    'tokens',
    'training_seconds',
    chart.column,
    ...(smoothed ? [`${chart.column}_smoothed`] : []),
    ...(gpu ? [`${chart.column}_gpu`] : []),
    ...(validation ? ['validation_loss'] : []),
    'skipped',
    'first_overflow',
  ];
  const rows = series.flatMap((one) => {
    const { run, length } = one;
    const evaluated = new Map(one.validation?.map(({ step, valLoss }) => [step, valLoss]));
    return Array.from({ length }, (_, i) => {
      const { step, skipped, overflow } = run.log.at(i)!;
      return [
        textCell(run.title),
        step,
        numberCell(xOf(run, 'tokens', i)),
        numberCell(xOf(run, 'time', i)),
        numberCell(one.values[i]!),
        ...(smoothed ? [numberCell(one.smoothed?.[i])] : []),
        ...(gpu ? [numberCell(one.gpu?.[i])] : []),
        ...(validation ? [numberCell(evaluated.get(step))] : []),
        skipped ? 1 : 0,
        textCell(overflow ?? ''),
      ];
    });
  });
  return `${[header, ...rows].map((row) => row.join(',')).join('\r\n')}\r\n`;
}

/** Empty when the number is not finite. */
function numberCell(value: number | null | undefined): string {
  return value !== null && value !== undefined && Number.isFinite(value) ? String(value) : '';
}

/** Quotes a text, and prefixes one that a spreadsheet would run as a formula with an apostrophe. */
function textCell(text: string): string {
  const harmless = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(harmless) ? `"${harmless.replaceAll('"', '""')}"` : harmless;
}
