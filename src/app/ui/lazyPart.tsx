/** Parts of the page that are not in its first script. Only here is React's `lazy` called, so that none goes without a boundary. */
import {
  Component,
  type ComponentType,
  type LazyExoticComponent,
  lazy,
  type ReactNode,
  Suspense,
} from 'react';
import { isBusy, useRun } from '../../store/runStore.ts';
import { useSavedRun } from '../../store/savedRun.ts';
import { Button } from './Button.tsx';
import { Note } from './Note.tsx';

/**
 * A part that is fetched when it is first shown. Where that fails, or the part does, a note stands in its place and the
 * rest of the page goes on. Vite's event `vite:preloadError` is left alone: what it is for, reloading by itself, would end
 * the training.
 * @param name reads as "The … could not be loaded"
 * @param waiting what stands there until it has arrived
 */
export function lazyPart<P extends object>(
  name: string,
  load: () => Promise<{ default: ComponentType<P> }>,
  waiting?: ReactNode,
): ComponentType<P> {
  let loaded = false;
  const fetchPart = () =>
    lazy(async () => {
      const part = await load();
      loaded = true;
      return part;
    }) as LazyExoticComponent<ComponentType<object>>;
  let Part = fetchPart();

  return class LazyPart extends Component<P, { error: Error | null }> {
    override state = { error: null };

    static getDerivedStateFromError = (error: Error) => ({ error });

    override componentDidCatch() {
      Part = fetchPart(); // React keeps what became of a lazy component, failures too
    }

    override render() {
      const { error } = this.state;
      if (!error) {
        return (
          <Suspense fallback={waiting}>
            <Part {...this.props} />
          </Suspense>
        );
      }
      const what = `The ${name} ${loaded ? `failed: ${error}` : 'could not be loaded'}.`;
      return <MissingPart what={what} onTry={() => this.setState({ error: null })} />;
    }
  };
}

/** Browsers of before 2026 ask for a script that has failed only once a visit: there, a reload is what helps. */
function MissingPart({ what, onTry }: { what: string; onTry: () => void }) {
  const training = useRun((state) => isBusy(state.status));
  const saved = useSavedRun(({ newest, error }) => newest !== null && !error);
  return (
    <Note kind="bad" testId="part-missing">
      <p>
        {`${what} ${training ? `Training continues${saved ? ' and is saved' : ''}. ` : ''}Try again; if that does not help, reload the page${training && !saved ? ' after the training' : ''}: there may be a new version of it.`}
      </p>
      <Button onClick={onTry}>Try again</Button>
    </Note>
  );
}
