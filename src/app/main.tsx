import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { boot } from '../store/actions.ts';
import { historyChangedElsewhere, tellHistoryProblem } from '../store/history/history.ts';
import { recordRuns } from '../store/history/recorder.ts';
import { browserStorage } from '../store/history/storage.ts';
import { keepRunsIn } from '../store/history/writing.ts';
import { watchLongTasks } from '../store/longTasks.ts';
import { snapshot } from '../store/snapshot.ts';
import { App } from './App.tsx';
import './styles/tokens.css';
import './styles/base.css';

keepRunsIn(browserStorage({ changed: historyChangedElsewhere, closed: tellHistoryProblem }));
recordRuns();
watchLongTasks();
boot();
window.__trainer = Object.freeze({ snapshot });

const root = document.getElementById('root');
if (!root) throw new Error('index.html has no #root');
createRoot(root).render(
  <StrictMode>
    <App />
  </StrictMode>,
);
