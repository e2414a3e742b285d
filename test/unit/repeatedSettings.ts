import { FIELDS, optionNames } from '../../src/engine/config/settings/table.ts';

const NAMES = new Set<string>(FIELDS.flatMap((field) => [field, ...optionNames(field)]));
/** More than a use has. */
const MOST = 3;

/** Types say which settings a function reads, in the words of the table: the compiler holds them to it. */
const TYPES = /\b(?:Pick|Omit)<[^>]*>/g;

/** The names of settings that a source file writes as text, where they are so many that it is a list of its own. */
export function settingsListedIn(source: string): string[] {
  const texts = source.replace(TYPES, '').matchAll(/'([\w-]+)'/g);
  const found = [...new Set([...texts].map(([, text]) => text!))].filter((text) => NAMES.has(text));
  return found.length > MOST ? found : [];
}
