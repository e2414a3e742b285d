/**
 * A program that uses everything that `halfstep` exports, as its users' TypeScript sees it. Text, since the package is not
 * there where the project's own types are checked.
 */
export const CONSUMER = `
import * as halfstep from 'halfstep';
import { loadDawn, openModelFolder } from 'halfstep/node';
import type {
  AdapterReport, CustomRecipe, Dataset, ErrorCode, EvalMetrics, ExportFormat, FormatId, ForwardModel, Generated, LargestBatch, MemoryBytes,
  MemoryPlan, OpenedModel, OpenModelOptions, Overrides,
  PrecisionMode, PresetName, Recipe, ResumeOptions, Role, RunDescription, RunEvents, RunFile, RunProgress, RunSummary,
  SampledToken, SampleOptions, ScalingPolicy, Score, StepMetrics, TextStream, TokenizedText, Tokenizer, TokenizerChoice,
  TokenizerJson, TrainConfig, Trainer, TrainerOptions,
} from 'halfstep';

const gpu: GPU = await loadDawn(['allow_unsafe_apis']);
const { device, report }: { device: GPUDevice; report: AdapterReport } = await halfstep.openDevice(gpu);

const name: PresetName = halfstep.PRESET_NAMES[0];
const modes: readonly PrecisionMode[] = halfstep.PRECISION_MODES;
const given: Overrides = { steps: 2, precision: modes[0] ?? 'e5m2' };
const config: TrainConfig = halfstep.configure(halfstep.presetOf(name).config, given);
halfstep.checkConfig(config, 65);
const tokens: number = halfstep.tokensPerStep(config) + halfstep.PRESETS.smoke.config.context;
const recipe: Recipe = halfstep.recipeOf('fp16');
const scaling: ScalingPolicy = { kind: 'static', scale: 1024 };
const role: Role = 'activation';
const format: FormatId = 'bf16';
const own: CustomRecipe = { ...recipe, id: 'custom-own', roles: { ...recipe.roles, [role]: format }, scaling };
const mode: PrecisionMode = halfstep.defineMode(own);
if (halfstep.isPrecisionMode('fp8')) console.log(tokens, mode);

const choice: TokenizerChoice = 'bpe:512';
await halfstep.loadGpt2();
const stream: TextStream = halfstep.streamOf('text', new Uint8Array(100));
const tokenized: TokenizedText = await halfstep.tokenize(stream, choice);
const dataset: Dataset = halfstep.splitText(tokenized, config.context);
const tokenizer: Tokenizer = halfstep.createDataset('text', { name: 'text', ...config }).tokenizer;
const json: TokenizerJson = tokenizer.json;

const limits = halfstep.planLimits(device.limits);
const plan: MemoryPlan = halfstep.memoryPlan(config, tokenizer.vocabulary, limits);
const bytes: MemoryBytes = plan.bytes;
const largest: LargestBatch = halfstep.largestBatch(config, 65, limits, 2 ** 30);
console.log(halfstep.mebibytes(bytes.total), largest.limitedBy, json.kind);

const options: TrainerOptions = { onProgress: (compiled, total) => console.log(compiled / total) };
const trainer: Trainer = await halfstep.createTrainer(device, report, config, dataset, options);
const events: RunEvents = {
  onStep: (metrics: StepMetrics) => console.log(metrics.loss?.toFixed(3), metrics.overflow),
  onEval: ({ valLoss }: EvalMetrics) => console.log(valLoss),
};
const control = new halfstep.RunControl();
try {
  const summary: RunSummary = await halfstep.runTraining(trainer, events, control);
  console.log(summary.tokensPerSec);
} catch (error) {
  if (error instanceof halfstep.TooManySkipsError) console.log(error.summary.skippedSteps);
  const code: ErrorCode | null = error instanceof halfstep.EngineError ? error.code : null;
  console.log(code);
}
await trainer.waitForRoom();
trainer.step();
await trainer.drain();
const losses: (number | null)[] = trainer.takeMetrics().map(({ loss }) => loss);
const validation: number | null = await trainer.evaluate();
const sample: SampleOptions = { prompt: '', length: 10, temperature: 1, topK: 0, seed: 1 };
const text: string = await trainer.sample(sample, { onToken: ({ probability }: SampledToken) => console.log(probability) });
console.log(losses, validation, text);

const saved: Blob = await halfstep.saveRun(trainer);
const run: RunFile = await halfstep.openRun(saved);
const { text: description }: RunDescription = run.description;
const { attempted }: RunProgress = run.progress;
const resumed: ResumeOptions = { steps: attempted + 1 };
await halfstep.resumeTrainer(device, report, run, dataset, resumed);
const model: ForwardModel = await halfstep.openModelOfRun(device, report, run);
const generated: Generated = await model.generate({ ...sample, topP: 0.9, repetitionPenalty: 1.1, stop: [0] });
const score: Score = await model.score(model.tokenizer.encode('a text'));
console.log(generated.ids, generated.tokensPerSec, score.loss);
model.destroy();
const files: File[] = await halfstep.exportModel(trainer, 'F16');
console.log(description.name, files.map((file) => file.name));

const asked: OpenModelOptions = { heads: 2, tokenizer: 'byte' };
const opened: OpenedModel = await halfstep.openModelFiles(files, asked);
const inFolder: OpenedModel = await openModelFolder('a folder');
const ofModel: TrainConfig = halfstep.configOfModel(opened, { steps: 2 });
const forward: ForwardModel = await halfstep.openModelOfFiles(device, report, opened, ofModel);
const weights: (name: string) => Float32Array = await halfstep.weightsOfModel(inFolder);
const form: ExportFormat = 'gguf-q8_0';
const converted: File[] = await halfstep.convertModel(opened, form);
console.log(forward.shape.layers, weights('wte.weight').length, converted.length, opened.notes, opened.tokenizer.kind);

// @ts-expect-error this mode does not exist
halfstep.configure(halfstep.presetOf('smoke').config, { precision: 'fp64' });
// @ts-expect-error a program's own mode needs a name that is not built in
halfstep.defineMode({ ...own, id: 'fp64' });
// @ts-expect-error buffers are not part of the package
trainer.arena;
// @ts-expect-error a trainer comes from createTrainer
new halfstep.Trainer();
`;
