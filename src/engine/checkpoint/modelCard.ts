/** Writes the model card of an exported model: the README.md that Hugging Face's Hub shows. */
import { type GptConfig, headSize, keyValueHeads, otherKinds } from '../config/gptConfig.ts';
import { DEFAULTS, FIELDS, type Field, rowOf } from '../config/settings/table.ts';
import { type TrainConfig, tokensPerStep } from '../config/trainConfig.ts';
import { HALFSTEP_VERSION } from '../core/version.ts';
import { parameterCount } from '../model/decoder.ts';
import type { WeightsOfRun } from '../model/keptWeights.ts';
import type { ExportDtype } from './dtypes.ts';
import { FAMILIES, type FamilyName } from './families.ts';

/** What is known about the run that trained a model. A figure that was not measured is null. */
export interface CardFacts {
  readonly config: TrainConfig;
  /** Name of the text. */
  readonly text: string;
  readonly adapter: string;
  /** Steps taken. */
  readonly steps: number;
  /** Training loss of the first and of the last step, and validation loss after it, in nats. */
  readonly firstLoss: number | null;
  readonly lastLoss: number | null;
  readonly valLoss: number | null;
  /** Which of the run's weights these are; the last by default. */
  readonly weights?: WeightsOfRun;
  /** The lowest validation loss of the run in nats, and the step after which it was. */
  readonly best?: { readonly step: number; readonly valLoss: number };
}

/** What is known of a model that was only read from files. */
export interface ReadFrom {
  /** Name of the file. */
  readonly from: string;
}

export function modelCard(
  gpt: GptConfig,
  family: FamilyName,
  dtype: ExportDtype,
  facts: CardFacts | ReadFrom,
): string {
  const { layers, heads, width, context, vocabulary, tied } = gpt;
  const { title, architecture } = FAMILIES[family];
  const isRead = 'from' in facts;
  return `---
# license: fill in before you publish, for example apache-2.0
library_name: transformers
pipeline_tag: text-generation
tags:
- halfstep
- ${family}
---

# A ${title} ${isRead ? 'written' : 'trained'} with Halfstep

${table(
  ['model', 'value'],
  [
    ['class', `\`${architecture}\``],
    ['parameters', `${parameterCount(gpt)}, in ${dtype}`],
    [
      'shape',
      `${layers} layers, ${heads} heads of ${headSize(gpt)} channels, ${keyValueHeads(gpt)} key/value heads, width ${width}${otherKinds(gpt)}`,
    ],
    ['context', `${context} tokens`],
    ['vocabulary', `${vocabulary} tokens, ${tied ? 'tied head' : 'a head of its own'}`],
  ],
)}

## Use

\`\`\`python
from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast

folder = "."  # this folder, or the model's name on the Hub
tokenizer = PreTrainedTokenizerFast.from_pretrained(folder)
model = AutoModelForCausalLM.from_pretrained(folder)
inputs = tokenizer("Once", return_tensors="pt")
print(tokenizer.decode(model.generate(**inputs, max_new_tokens=50)[0]))
\`\`\`

${isRead ? origin(facts) : training(facts)}

## Licence

To be filled in: it follows from the text and from the weights that training began with. Name both here.
`;
}

function origin({ from }: ReadFrom): string {
  return `## Origin

The weights are those of "${inCell(from)}", read and written by Halfstep ${HALFSTEP_VERSION}. How they were trained is not known here.`;
}

function training({
  config,
  text,
  adapter,
  steps,
  firstLoss,
  lastLoss,
  valLoss,
  weights = 'master',
  best,
}: CardFacts): string {
  const figures: readonly (readonly [string, number | null])[] = [
    ['training loss of step 1', firstLoss],
    [`training loss of step ${steps}`, lastLoss],
    ['validation loss', valLoss],
  ];
  const losses = figures.flatMap(([name, loss]) =>
    loss === null ? [] : [[name, `${loss.toFixed(4)} nats, perplexity ${Math.exp(loss).toPrecision(4)}`]],
  );
  return `## Training

${table(
  ['figure', 'value'],
  [
    ['text', inCell(text)],
    ['steps', `${steps} of ${tokensPerStep(config)} tokens`],
    ...(weights === 'average'
      ? [['weights', `averages of the trained ones, ema-decay ${config.emaDecay}`]]
      : []),
    ...(weights === 'best' && best
      ? [['weights', `those after step ${best.step}, with the lowest validation loss of the run`]]
      : []),
    ...losses,
    ['adapter', inCell(adapter)],
    ['program', `Halfstep ${HALFSTEP_VERSION}`],
  ],
)}

Losses are means over next tokens, on the run's own text, measured in the run's precision mode.

Settings, where they are not the standard ones:

${table(['setting', 'value'], settingsOf(config))}`;
}

/** Settings that are shown even with their standard values. */
const ALWAYS: ReadonlySet<Field> = new Set([
  'precision',
  'optimizer',
  'learningRate',
  'steps',
  'batch',
  'seed',
]);

function settingsOf(config: TrainConfig): string[][] {
  return FIELDS.filter((field) => ALWAYS.has(field) || config[field] !== DEFAULTS[field]).map((field) => [
    `\`${rowOf(field).option}\``,
    inCell(String(config[field])),
  ]);
}

function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  return [header, header.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

/** Text that a user chose, on one line and without characters that end a cell or begin markup. */
function inCell(text: string): string {
  return text
    .replace(/\s+/g, ' ')
    .replace(/[\\`*_[\]<>|]/g, '\\$&')
    .slice(0, 200);
}
