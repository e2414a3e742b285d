/** The Debian packages that software GPUs need: finds the missing ones and installs them. */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { findLavapipeIcd } from './environment.mjs';
import { fail, run, say } from './run.mjs';

const PACKAGES = ['chromium', 'firefox-esr', 'gcc', 'libc6-dev', 'libvulkan-dev', 'libvulkan1'];
const MESA = 'mesa-vulkan-drivers';
/** Dawn refuses bookworm's own 22.3 ("shaderUniform*ArrayDynamicIndexing required"). */
const OLDEST_MESA = 24;
const DEBIAN_SOURCES = '/etc/apt/sources.list.d/debian.sources';
const SOURCES_LIST = '/etc/apt/sources.list';
const BACKPORTS_FILE = '/etc/apt/sources.list.d/halfstep-backports.sources';
// Another apt may be running on a machine that has just started, so apt waits for its lock.
const APT = ['-o', 'DPkg::Lock::Timeout=300'];
const INSTALL = [...APT, 'install', '-y', '--no-install-recommends'];

/** @returns {Map<string, string>} installed versions by package name */
export function installedVersions() {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: the placeholders are dpkg-query's
  const format = '${db:Status-Status} ${Package} ${Version}\\n';
  // Its exit status is 1 as soon as one package is unknown, so only its output counts.
  const done = spawnSync('dpkg-query', ['-W', '-f', format, ...PACKAGES, MESA], { encoding: 'utf8' });
  if (done.error)
    fail(`no dpkg-query: this set-up is for Debian. It installs ${PACKAGES.join(', ')} and ${MESA}.`);
  const rows = done.stdout.split('\n').map((line) => line.split(' '));
  return new Map(
    rows.filter(([status]) => status === 'installed').map(([, name, version]) => [name, version]),
  );
}

/** Major number of a Debian version such as `1:25.0.7-2~bpo12+1`. */
export const major = (version) => Number.parseInt((version ?? '0').replace(/^\d+:/, ''), 10);

const mesaIsReady = (installed) =>
  major(installed.get(MESA)) >= OLDEST_MESA && findLavapipeIcd() !== undefined;

/** Codename of the distribution's release, such as `bookworm`. */
function codename() {
  const release = existsSync('/etc/os-release') ? readFileSync('/etc/os-release', 'utf8') : '';
  return release.match(/^VERSION_CODENAME="?([a-z]+)"?$/m)?.[1];
}

/** The suite with a recent enough Mesa when the distribution's own is too old, otherwise undefined. */
const backportsSuite = () => (codename() === 'bookworm' ? 'bookworm-backports' : undefined);

/** This machine's own deb822 entries, as maps from field name to value. */
function deb822Entries() {
  const text = existsSync(DEBIAN_SOURCES) ? readFileSync(DEBIAN_SOURCES, 'utf8').replace(/^#.*\n/gm, '') : '';
  return text.split(/\n\s*\n/).map((stanza) => {
    // A field continues on lines that start with a blank (a key may be inlined in Signed-By).
    const fields = stanza.matchAll(/^([A-Za-z-]+):[ \t]*(.*(?:\n[ \t].*)*)/gm);
    return new Map([...fields].map(([, key, value]) => [key.toLowerCase(), value]));
  });
}

/** The same from the older one-line format, which Debian 12's installer still writes. */
function oneLineEntries() {
  const text = existsSync(SOURCES_LIST) ? readFileSync(SOURCES_LIST, 'utf8') : '';
  return [...text.matchAll(/^deb\s+(?:\[(.*?)\]\s+)?(\S+)\s+(\S+)/gm)].map(([, options, uri, suite]) => {
    const signedBy = options?.match(/signed-by=(\S+)/)?.[1].replaceAll(',', ' ');
    const entry = new Map(Object.entries({ types: 'deb', uris: uri, suites: suite }));
    return signedBy ? entry.set('signed-by', signedBy) : entry;
  });
}

/**
 * A deb822 source of Debian suites, with mirror and key as this machine has them for the distribution itself.
 * @param {string} suites separated by blanks
 */
export function debianSource(suites) {
  const base = codename() ?? 'stable';
  const isBase = (entry) =>
    entry.get('types')?.split(/\s+/).includes('deb') && entry.get('suites')?.split(/\s+/).includes(base);
  const own = [...deb822Entries(), ...oneLineEntries()].find(isBase);
  if (!own?.get('uris')) {
    fail(`no apt source for ${base} in ${DEBIAN_SOURCES}: add ${suites} by hand, then start this again.`);
  }
  const signedBy = own.has('signed-by') ? `Signed-By: ${own.get('signed-by')}\n` : '';
  return `Types: deb\nURIs: ${own.get('uris')}\nSuites: ${suites}\nComponents: main\n${signedBy}`;
}

/**
 * Installs missing packages; without root it prints the commands and exits.
 * @returns {Map<string, string>} installed versions by package name
 */
export function ensurePackages() {
  const installed = installedVersions();
  const missing = PACKAGES.filter((name) => !installed.has(name));
  const mesaMissing = !mesaIsReady(installed);
  if (missing.length === 0 && !mesaMissing) return installed;

  const suite = mesaMissing ? backportsSuite() : undefined;
  const source = suite && !existsSync(BACKPORTS_FILE) ? debianSource(suite) : undefined;
  const installs = [];
  // Mesa comes first, because the browsers would pull in parts of the old one.
  if (mesaMissing) installs.push([...INSTALL, ...(suite ? ['-t', suite] : []), MESA]);
  if (missing.length > 0) installs.push([...INSTALL, ...missing]);

  if (process.getuid?.() !== 0) {
    const commands = [[...APT, 'update'], ...installs].map((args) => `apt-get ${args.join(' ')}`);
    if (source) commands.unshift(`cat > ${BACKPORTS_FILE} <<'END'\n${source}END`);
    fail(`packages are missing. Run as root, then start this again:\n\n${commands.join('\n')}\n`);
  }
  if (source) {
    say(`adding ${suite} in ${BACKPORTS_FILE}`);
    writeFileSync(BACKPORTS_FILE, source);
  }
  say('apt-get update');
  // A third-party source may be broken; what matters is whether the packages can be installed.
  run('apt-get', [...APT, 'update'], { mayFail: true });
  for (const args of installs) {
    say(`apt-get ${args.slice(APT.length).join(' ')}`);
    run('apt-get', args);
  }
  const now = installedVersions();
  if (!mesaIsReady(now)) {
    fail(
      `no usable lavapipe in ${MESA} ${now.get(MESA)}: its ICD file and Mesa ${OLDEST_MESA} or newer are needed.`,
    );
  }
  return now;
}
