import { useState } from 'react';
import { download } from '../download.ts';
import { Actions } from '../ui/Actions.tsx';
import { Button } from '../ui/Button.tsx';
import { CopyButton } from '../ui/CopyButton.tsx';
import { Note } from '../ui/Note.tsx';

interface ShareActionsProps<Card> {
  /** Called when a button is pressed. */
  card: () => Card;
  /** @throws Error when the browser cannot draw or encode the image */
  draw: (card: Card) => Promise<Blob>;
  /** Of the image's file. */
  name: string;
  /** Whether there is something to draw. */
  ready: boolean;
  testId: string;
}

/**
 * Shares a card as an image that is drawn on this device, and as an address. The image goes where the visitor sends it: to the
 * browser's dialog of other programs, where there is one for images, or to a file.
 */
export function ShareActions<Card extends { readonly text: string; readonly url: string }>({
  card,
  draw,
  name,
  ready,
  testId,
}: ShareActionsProps<Card>) {
  const [problem, setProblem] = useState<string | null>(null);
  const withImage = (use: (image: Blob, card: Card) => void | Promise<void>) => async () => {
    try {
      const shared = card();
      await use(await draw(shared), shared);
      setProblem(null);
    } catch (cause) {
      // The visitor has closed the browser's dialog.
      if (cause instanceof DOMException && cause.name === 'AbortError') return;
      setProblem(
        `The image could not be shared: ${cause instanceof Error ? cause.message : 'unknown reason'}.`,
      );
    }
  };
  const send = (image: Blob, { text, url }: Card) =>
    navigator.share({ files: [new File([image], name, { type: image.type })], text, url });
  const save = (image: Blob) => download(name, image);
  const sends = canShareImages();
  return (
    <>
      <Actions>
        {sends && (
          <Button kind="primary" onClick={withImage(send)} disabled={!ready} data-testid={`${testId}-share`}>
            Share
          </Button>
        )}
        <Button
          {...(!sends && { kind: 'primary' })}
          onClick={withImage(save)}
          disabled={!ready}
          data-testid={`${testId}-image`}
        >
          {sends ? 'Save the image' : 'Share as an image'}
        </Button>
        <CopyButton label="Copy the link" text={() => card().url} testId={`${testId}-link`} />
      </Actions>
      {problem && (
        <Note kind="caution" testId={`${testId}-image-problem`}>
          <p>{problem}</p>
        </Note>
      )}
    </>
  );
}

/** Phones, and browsers of Windows and macOS, can. */
function canShareImages(): boolean {
  const files = [new File([''], 'image.png', { type: 'image/png' })];
  return 'canShare' in navigator && navigator.canShare({ files });
}
