import { useId, useState } from 'react';
import { scoreText } from '../../../store/fileActions.ts';
import { useFiles } from '../../../store/files.ts';
import { isBusy, useRun } from '../../../store/runStore.ts';
import { Button } from '../../ui/Button.tsx';
import { ErrorNote } from '../../ui/Note.tsx';
import own from '../text/OwnText.module.css';
import { scoreLine } from './fileMessages.ts';

/** A lazy chunk: scores a text with the opened model, without training. */
export default function ScoreForm() {
  const id = useId();
  const [text, setText] = useState('');
  const scoring = useFiles((state) => state.scoring);
  const busy = useRun(isBusy);
  const waits = scoring.state === 'scoring';
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        if (text !== '' && !busy && !waits) scoreText(text);
      }}
    >
      <label htmlFor={id} className={own.state}>
        Every token after the first is scored, with the tokens before it as context.
      </label>
      <textarea
        id={id}
        className={own.area}
        rows={3}
        value={text}
        onChange={(event) => setText(event.target.value)}
        data-testid="score-text"
      />
      <Button type="submit" disabled={text === '' || busy || waits} data-testid="score-start">
        {waits ? 'Scoring…' : 'Score'}
      </Button>
      <p role="status" className={own.state} data-testid="score-result">
        {scoring.state === 'scored' && scoreLine(scoring.score, scoring.precision)}
      </p>
      {scoring.state === 'refused' && <ErrorNote error={scoring.error} testId="score-error" />}
    </form>
  );
}
