import { memo, type PointerEvent, useId } from 'react';
import type { SampledToken } from '../../../session/protocol.ts';
import { formatPercent } from '../../format.ts';
import { tokenName, tokenSentence } from './sampleMessages.ts';
import styles from './TokenText.module.css';

interface TokenTextProps {
  prompt: string;
  tokens: readonly SampledToken[];
  /** The token whose probabilities are shown. */
  at: number | null;
  onPoint: (token: number) => void;
  testId: string;
}

/**
 * Generated text is only rendered as text: React escapes it, and no HTML is inserted. A click on a token opens its
 * probabilities; while they are open, they follow the pointer. Pointing alone opens nothing, since that would move the page.
 */
export function TokenText({ prompt, tokens, at, onPoint, testId }: TokenTextProps) {
  const begun = prompt.trim() !== '';
  // A leading line break would only push the text down.
  const first = begun ? 0 : tokens.findIndex(({ text }) => text.trim() !== '');
  const point = (event: PointerEvent) => {
    const index = event.target instanceof HTMLElement ? event.target.dataset.token : undefined;
    if (index !== undefined) onPoint(Number(index));
  };
  return (
    <pre
      translate="no"
      className={styles.text}
      onPointerOver={at === null ? undefined : point}
      onPointerDown={point}
      data-testid={testId}
    >
      {begun && <mark>{prompt}</mark>}
      {first >= 0 && <Tokens tokens={tokens} first={first} at={at} />}
    </pre>
  );
}

interface TokensProps extends Pick<TokenTextProps, 'tokens' | 'at'> {
  first: number;
}

const Tokens = memo(function Tokens({ tokens, first, at }: TokensProps) {
  return tokens.slice(first).map(({ text }, i) => {
    const index = first + i;
    return (
      <span key={index} data-token={index} data-at={index === at || undefined}>
        {text}
      </span>
    );
  });
});

interface TokenProbabilitiesProps {
  tokens: readonly SampledToken[];
  at: number;
  onPoint: (token: number) => void;
}

/** The ten most likely tokens at one position, as bars. The slider gives keyboard users access to every token. */
export function TokenProbabilities({ tokens, at, onPoint }: TokenProbabilitiesProps) {
  const id = useId();
  const token = tokens[Math.min(at, tokens.length - 1)];
  if (!token) return null;
  return (
    <div className={styles.chances} data-testid="token-chances">
      <label htmlFor={id}>
        <span>{`Token ${at + 1} of ${tokens.length}: `}</span>
        <strong translate="no">{tokenName(token.text)}</strong>
        <span>{`, probability ${formatPercent(token.probability)}`}</span>
      </label>
      <input
        id={id}
        type="range"
        min={0}
        max={tokens.length - 1}
        value={at}
        onChange={(event) => onPoint(Number(event.target.value))}
        aria-valuetext={tokenSentence(token)}
        data-testid="token-slider"
      />
      <ol className={styles.bars} translate="no">
        {token.top.map(({ text, probability }) => (
          <li key={text} data-drawn={text === token.text || undefined}>
            <span className={styles.name}>{tokenName(text)}</span>
            <span className={styles.track} aria-hidden="true">
              <span className={styles.bar} style={{ width: `${100 * probability}%` }} />
            </span>
            <span className={styles.share}>
              <span>{formatPercent(probability)}</span>
              {text === token.text && <span className="visuallyHidden">, drawn</span>}
            </span>
          </li>
        ))}
      </ol>
      <p className={styles.note}>The model's probabilities at this position, before temperature and top-k.</p>
    </div>
  );
}
