/** Parts of the page that are not in its first script. React's `lazy` is called only here, so that each has an error boundary. */
import {
  Component,
  type ComponentType,
  type LazyExoticComponent,
  lazy,
  type ReactNode,
  Suspense,
} from 'react';
import { isBusy, useRun } from '../../store/runStore.ts';
import { isKept, useSavedRun } from '../../store/savedRun.ts';
import { Button } from './Button.tsx';
import { Note } from './Note.tsx';

/**
 * A part that is loaded when it is first shown. If loading or rendering it fails, a note replaces it and the rest of
 * the page keeps working. Vite's event `vite:preloadError` is not handled, because it is meant for reloading the page,
 * which would end the training.
 * @param name completes "The … could not be loaded"
 * @param waiting shown until the part has loaded
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
      Part = fetchPart(); // React caches the result of a lazy component, including failures
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

/** Browsers from before 2026 request a failed script only once per visit; there only a reload helps. */
function MissingPart({ what, onTry }: { what: string; onTry: () => void }) {
  const training = useRun(isBusy);
  const saved = useSavedRun(isKept);
  return (
    <Note kind="bad" testId="part-missing">
      <p>
        {`${what} ${training ? `Training continues${saved ? ' and is saved' : ''}. ` : ''}Try again; if that does not help, reload the page${training && !saved ? ' after the training' : ''}; it may have a newer version.`}
      </p>
      <Button onClick={onTry}>Try again</Button>
    </Note>
  );
}
