import type { ErrorReport, UnsupportedReason } from '../../session/protocol.ts';
import { UNSUPPORTED } from '../screens/unsupportedMessages.ts';
import { Note } from '../ui/Note.tsx';

interface NoGpuNoteProps {
  reason: UnsupportedReason;
  error: ErrorReport | null;
}

/** Why the story cannot be trained here. It plays from the recording all the same. */
export default function NoGpuNote({ reason }: NoGpuNoteProps) {
  const { title, short } = UNSUPPORTED[reason];
  return (
    <Note kind="caution" testId="story-unsupported">
      <p>
        <strong>{`${title}.`}</strong> <span>{`${short} What you see is a recorded run.`}</span>
      </p>
      <p>
        <a href="#train">Why, and what you can do</a>
      </p>
    </Note>
  );
}
