/** Writes the tables of docs/ from the file of results. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { tablesOf, withTable } from './tables.mjs';

/**
 * @param results finished cells by name
 * @returns a line for each file that has changed
 */
export function writeTables(root, results) {
  const documents = new Map();
  for (const table of tablesOf(results)) {
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
