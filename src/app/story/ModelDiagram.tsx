import type { LayerLoss } from '../../store/story/figures.ts';
import styles from './ModelDiagram.module.css';
import { formatLost } from './messages.ts';
import { PARTS } from './partNames.ts';

/** From this share on, a part has no gradient to learn from. */
const DEAD = 0.995;

interface ModelDiagramProps {
  layers: readonly LayerLoss[];
  blocks: number;
  testId: string;
}

/**
 * The model from its input to its output. Each part is coloured by the share of its gradients that is stored as 0, and says
 * it in words.
 */
export function ModelDiagram({ layers, blocks, testId }: ModelDiagramProps) {
  const find = (layer: number | null, part: string) =>
    layers.find((one) => one.layer === layer && one.part === part) ?? null;
  return (
    <ol className={styles.model} data-testid={testId}>
      <li className={styles.group}>
        <ul className={styles.parts}>
          {/* What reaches it is what the first block passes back. */}
          <Part part="wte" loss={find(0, 'ln_1')} />
        </ul>
      </li>
      {Array.from({ length: blocks }, (_, block) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: blocks are numbered
        <li key={block} className={styles.group}>
          <p>{`Block ${block + 1}`}</p>
          <ul className={styles.parts}>
            <Part part="attn" loss={find(block, 'attn')} />
            <Part part="mlp" loss={find(block, 'mlp')} />
          </ul>
        </li>
      ))}
      <li className={styles.group}>
        <ul className={styles.parts}>
          <Part part="logits" loss={find(null, 'logits gradient')} />
        </ul>
      </li>
    </ol>
  );
}

function Part({ part, loss }: { part: string; loss: LayerLoss | null }) {
  const { name, does } = PARTS[part]!;
  const lost = loss?.zeroShare ?? 0;
  const dead = lost >= DEAD;
  return (
    <li
      className={`${styles.part} ${dead ? styles.dead : ''}`}
      style={{ '--lost': lost } as React.CSSProperties}
      data-testid="story-part"
      data-part={part}
    >
      <span className={styles.name}>{name}</span>
      <span className={styles.does}>{does}</span>
      <span className={styles.share} translate="no">
        {loss === null ? '–' : `${formatLost(lost)} lost${dead ? ': learns nothing' : ''}`}
      </span>
    </li>
  );
}
