import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { boot } from '../store/actions.ts';
import { reportHistoryProblem } from '../store/history/historyStore.ts';
import { watchLongTasks } from '../store/longTasks.ts';
import { snapshot } from '../store/snapshot.ts';
import { App } from './App.tsx';
import { keepForOffline } from './offline.ts';
import { RootBoundary } from './ui/RootBoundary.tsx';
import './styles/tokens.css';
import './styles/base.css';

import('../store/history/keepRuns.ts').then(
  ({ keepRuns }) => keepRuns(),
  () =>
    reportHistoryProblem({
      message: 'A part of the page did not load, so runs are not stored.',
      hint: 'Reload the page before you train.',
    }),
);
watchLongTasks();
keepForOffline();
boot();
window.__trainer = Object.freeze({ snapshot });

const root = document.getElementById('root');
if (!root) throw new Error('index.html has no #root');
createRoot(root).render(
  <StrictMode>
    <RootBoundary>
      <App />
    </RootBoundary>
  </StrictMode>,
);
