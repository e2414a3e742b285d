export { loadDawn } from '../cli/dawn.ts';
