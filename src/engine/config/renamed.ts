/** Names that settings had in earlier versions: links, commands and files that have them are still read. */

/** Of fields, in run files, records and sweeps. */
const FIELDS: Readonly<Record<string, string>> = {
  fp8Head: 'quantizeHead',
  fp8Activations: 'quantizeActivations',
  fp8Margin: 'scaleMargin',
};

/** Of options, in commands, links and variants of modes. */
export const RENAMED_OPTIONS: Readonly<Record<string, string>> = {
  'fp8-head': 'quantize-head',
  'fp8-activations': 'quantize-activations',
  'fp8-margin': 'scale-margin',
};

function currentName(names: Readonly<Record<string, string>>, name: string): string {
  return Object.hasOwn(names, name) ? names[name]! : name;
}

/** The name that an option has. */
export function currentOption(name: string): string {
  return currentName(RENAMED_OPTIONS, name);
}

/** Settings by field, under the names that fields have. */
export function currentFields<Value>(stored: Readonly<Record<string, Value>>): Record<string, Value> {
  return Object.fromEntries(
    Object.entries(stored).map(([field, value]) => [currentName(FIELDS, field), value]),
  );
}

/** A variant of a mode under the names that its settings have, whether this version has the mode or not. */
export function currentVariant<Id extends string>(id: Id): Id {
  return id
    .split('+')
    .map((part) => {
      const [name = '', ...value] = part.split('=');
      return [currentOption(name), ...value].join('=');
    })
    .join('+') as Id;
}
