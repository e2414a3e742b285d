/** What a build is told about the place it is made for: the address of the site and of its source. */
import { readFileSync } from 'node:fs';

export interface Site {
  /** The address that the site is served at, with a slash at its end; null if the build was not told. */
  readonly address: string | null;
  /** The page of the source's repository, without a slash at its end; null if nobody named one. */
  readonly repository: string | null;
}

/** The variables that a build reads. docs/deploy.md describes them. */
export const SITE_VARIABLE = 'HALFSTEP_SITE';
export const REPOSITORY_VARIABLE = 'HALFSTEP_REPOSITORY';

/** The site as environment and package.json describe it. */
export function readSite(root: URL): Site {
  const manifest = JSON.parse(readFileSync(new URL('package.json', root), 'utf8'));
  return siteOf(process.env, manifest.repository);
}

/**
 * @param field the field `repository` of package.json
 * @throws Error naming the variable whose address is not one
 */
export function siteOf(env: Readonly<Record<string, string | undefined>>, field: unknown): Site {
  const site = webAddress(SITE_VARIABLE, env[SITE_VARIABLE]);
  const repository = webAddress(REPOSITORY_VARIABLE, env[REPOSITORY_VARIABLE] || pageOfRepository(field));
  return {
    address: site && `${site.replace(/\/+$/, '')}/`,
    repository: repository?.replace(/\/+$/, '') ?? null,
  };
}

function webAddress(name: string, text: string | undefined | null): string | null {
  if (!text) return null;
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !/^https?:$/.test(url.protocol) || url.search !== '' || url.hash !== '')
    throw new Error(
      `${name} is "${text}", which is not the address of a page. Give one such as https://example.org/halfstep/`,
    );
  return url.href;
}

/** The page of a repository that package.json names in one of npm's ways: an object, a short form, or git's address. */
function pageOfRepository(field: unknown): string | null {
  const named = typeof field === 'object' && field !== null && 'url' in field ? field.url : field;
  if (typeof named !== 'string' || named === '') return null;
  const short = /^(?:github:)?([\w.-]+\/[\w.-]+)$/.exec(named)?.[1];
  if (short !== undefined) return `https://github.com/${short}`;
  return named
    .replace(/^git\+/, '')
    .replace(/^(?:ssh:\/\/)?git@([^:/]+)[:/]/, 'https://$1/')
    .replace(/^git:/, 'https:')
    .replace(/\.git$/, '');
}
