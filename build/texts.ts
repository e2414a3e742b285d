/** Serves the texts `texts/<id>.txt` and `texts/NOTICE.txt`, as files of the build and from the dev server. */
import type { Plugin } from 'vite';
import { assembleText, FILE_TEXTS, textsNotice } from './assembleTexts.ts';

const FOLDER = 'texts';

const FILES: Readonly<Record<string, () => string>> = {
  ...Object.fromEntries(FILE_TEXTS.map((id) => [`${FOLDER}/${id}.txt`, () => assembleText(id)])),
  [`${FOLDER}/NOTICE.txt`]: textsNotice,
};

export function textsPlugin(): Plugin {
  return {
    name: 'halfstep-texts',
    configureServer(server) {
      server.middlewares.use((request, response, next) => {
        const path = new URL(request.url ?? '/', 'http://localhost').pathname;
        const file = path.startsWith(server.config.base) ? path.slice(server.config.base.length) : '';
        if (!Object.hasOwn(FILES, file)) return next();
        response.setHeader('Content-Type', 'text/plain; charset=utf-8');
        response.end(FILES[file]!());
      });
    },
    generateBundle() {
      if (this.environment.config.consumer !== 'client') return; // the command line reads the packages instead
      for (const [fileName, make] of Object.entries(FILES)) {
        this.emitFile({ type: 'asset', fileName, source: make() });
      }
    },
  };
}
