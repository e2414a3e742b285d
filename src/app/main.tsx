import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { boot } from '../store/actions.ts';
import { watchLongTasks } from '../store/longTasks.ts';
import { snapshot } from '../store/snapshot.ts';
import { App } from './App.tsx';
import './styles/tokens.css';
import './styles/base.css';

void import('../store/history/start.ts').then(({ keepHistory }) => keepHistory());
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
