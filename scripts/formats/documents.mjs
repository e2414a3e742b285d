/** Writes the tables of docs/ from the files of results. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { speedTable } from './speeds.mjs';
import { tablesOf, withTable } from './tables.mjs';

const SPEEDS = 'bench/results/speeds.json';

/**
 * @param results finished cells by name
 * @returns every table of docs/: file, columns and rows
 */
export function tablesOfDocuments(root, results) {
  const speeds = JSON.parse(readFileSync(join(root, SPEEDS), 'utf8'));
  return [...tablesOf(results), speedTable(speeds)];
}

/**
 * @param results finished cells by name
 * @returns a line for each file that has changed
 */
export function writeTables(root, results) {
  const documents = new Map();
  for (const table of tablesOfDocuments(root, results)) {
    const before = documents.get(table.file) ?? readFileSync(join(root, table.file), 'utf8');
    documents.set(table.file, withTable(before, table));
  }
  return [...documents].flatMap(([file, text]) => {
    const path = join(root, file);
    if (readFileSync(path, 'utf8') === text) return [];
    writeFileSync(path, text);
    return [`wrote the tables of ${file}`];
  });
}
