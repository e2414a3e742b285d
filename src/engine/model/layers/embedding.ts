import { type GptConfig, paddedVocabulary } from '../../config/gptConfig.ts';
import { segmentElements } from '../../kernels/embedding.ts';
import { dropoutAt, droppedGradient } from '../dropout.ts';
import { activation } from '../emission.ts';
import { matrix, type ParameterSpec } from '../parameters.ts';
import type { Pass } from '../pass.ts';
import { residualGradient } from '../residualGradient.ts';
import { Site } from '../site.ts';
import type { Value } from '../value.ts';
import type { Layer } from './layer.ts';

/** The sum of token and position embeddings, or the token embeddings alone, which start the residual stream. */
export class Embedding implements Layer {
  readonly multiplyAdds = 0;
  readonly tokens = new Site(null, 'wte.weight');
  /** Null where positions have no embeddings. */
  readonly positions: Site | null;
  readonly #config: GptConfig;

  constructor(config: GptConfig) {
    this.positions = config.position === 'learned' ? new Site(null, 'wpe.weight') : null;
    this.#config = config;
  }

  parameters(): ParameterSpec[] {
    const { vocabulary, context, width, tied } = this.#config;
    const tokens = matrix(this.tokens, {
      rows: paddedVocabulary(this.#config),
      learnedRows: vocabulary,
      columns: width,
      rowsOf: 'tokens',
      matmul: tied,
    });
    if (!this.positions) return [tokens];
    const shape = { rows: context, columns: width, rowsOf: 'positions', matmul: false } as const;
    return [tokens, matrix(this.positions, shape)];
  }

  /** Emits the embeddings of the pass's tokens, (rows, C). */
  forward(pass: Pass): Value {
    const { context, width } = this.#config;
    const { tokens } = pass.run;
    const { rows, found } = pass;
    const site = new Site(null, 'embedding');
    const out = pass.save(site, pass.format('residual'), rows * width);
    const parts = pass.parts(this.tokens);
    const positions = this.positions && pass.part(this.positions);
    const dropout = dropoutAt(pass, site);
    pass.emit(
      (target, { embeddingForward }) =>
        parts.map((part) =>
          embeddingForward(target, {
            label: site.name,
            tokens,
            tokenWeight: part.master,
            firstToken: part.firstRow,
            tokenRows: part.rows,
            positionWeight: positions?.master,
            position: positions ? pass.continuation?.position : undefined,
            ...{ dropout, out, rows, context, width, found },
          }),
        ),
      activation(site, out),
    );
    const gradient = residualGradient(pass, site, undefined, dropout === undefined);
    pass.onBackward(() => {
      this.#backward(pass, dropout ? droppedGradient(pass, gradient, dropout, width) : gradient);
    });
    return { operand: out, gradient };
  }

  #backward(pass: Pass, { tensor: dout }: Value['gradient']): void {
    const { context, width } = this.#config;
    const { tokens: ids, tokenStarts: starts, tokenPositions } = pass.run;
    const { found, rows, windows: batch } = pass;
    for (const part of pass.parts(this.tokens)) {
      const { gradient } = part;
      if (!gradient) continue;
      const partials = pass.partials(segmentElements(rows, width));
      pass.emit((target, { embeddingBackwardToken }) =>
        embeddingBackwardToken(target, {
          label: `${this.tokens.name} gradient`,
          ...{ ids, starts, positions: tokenPositions, dout, dweight: gradient, partials },
          ...{ firstToken: part.firstRow, tokens: part.rows, rows, width, found },
        }),
      );
    }
    if (!this.positions) return;
    const { gradient: dweight } = pass.part(this.positions);
    if (!dweight) return;
    const label = `${this.positions.name} gradient`;
    pass.emit((target, { embeddingBackwardPosition }) =>
      embeddingBackwardPosition(target, { label, dout, dweight, batch, context, width, found }),
    );
  }
}
